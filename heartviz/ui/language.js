() => {
  // In a Chinese browser: puts into Chinese what Gradio's own i18n does not reach, by the same words.
  if (!navigator.language.toLowerCase().startsWith("zh")) return;
  const words = window.gradio_config?.i18n_translations?.["zh-CN"] ?? {};
  document.documentElement.lang = "zh-CN";
  const ATTRIBUTES = ["alt", "aria-label", "title", "placeholder", "aria-valuetext"];
  const LEFT_ALONE = "script, style, code, textarea, svg, .file-preview, .hv-batch td.file";
  // What an example shows is named in full, as on the buttons beside it; elsewhere the letters stand for the class.
  const ON_EXAMPLES = {
    VSD: "VSD, ventricular septal defect", ASD: "ASD, atrial septal defect", TOF: "TOF, tetralogy of Fallot",
  };
  const ENDS = { ".": "。", ":": "：", ";": "；", ",": "，" };
  const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const patterns = Object.entries(words).filter(([english]) => english.includes("{}")).map(([english, chinese]) => [
    // What is put in never goes over the end of a sentence.
    new RegExp(`^${english.split("{}").map(escape).join("((?:(?![.;] ).)+?)")}$`), chinese,
    english.replace(/[^A-Za-z]/g, "").length < 10,
  ]);

  const SMALL_WORD = /\b[a-z]{3}/;
  const lookUp = (text) => {
    if (words[text] ?? words[`~${text}`]) return words[text] ?? words[`~${text}`];
    const end = /[.:;,]$/.exec(text)?.[0] ?? "", bare = end ? text.slice(0, -1) : text;
    if (words[bare]) return words[bare] + (ENDS[end] ?? "");
    for (const [pattern, chinese, isShort] of patterns) {
      const given = pattern.exec(bare)?.slice(1).map((each) => lookUpList(each) ?? lookUp(each) ?? each);
      // Into a few words only what is understood is put: they may stand in any sentence.
      if (!given || (isShort && given.some((each) => SMALL_WORD.test(each)))) continue;
      let place = 0;
      const fill = (_, number) => given[number === "" ? place++ : +number];
      return chinese.replace(/\{(\d*)\}/g, fill) + (ENDS[end] ?? "");
    }
    return null;
  };
  // Names one after another; one without a small word is the same in both languages.
  const lookUpList = (text) => {
    const parts = text.split(/, | and (?:no |of )?/), made = parts.map((part) => lookUp(part));
    const known = made.some((each) => each) && parts.every((part, place) => made[place] || !SMALL_WORD.test(part));
    return parts.length > 1 && known ? parts.map((part, place) => made[place] ?? part).join("、") : null;
  };
  // A whole text, or sentence by sentence: what stays English is set off by spaces.
  const translate = (text) => {
    const bare = text.trim().replace(/\s+/g, " ");
    if (bare.length < 2 || !/[A-Za-z]/.test(bare)) return null;
    const whole = lookUp(bare) ?? lookUpList(bare);
    if (whole) return whole;
    const parts = bare.split(/(?<=[.;:])\s+/), made = [];
    let found = false;
    for (let at = 0, end; at < parts.length; at = end) {
      let chinese = null;
      // As many parts at once as have one translation.
      for (end = parts.length; chinese === null && end > at; end--) chinese = lookUp(parts.slice(at, end).join(" "));
      end += 1;
      found ||= chinese !== null;
      made.push(chinese ?? ` ${parts[at]} `);
    }
    return found ? made.join("").trim() : null;
  };

  const visitText = (node) => {
    if (node.parentElement?.closest(LEFT_ALONE)) return;
    const example = node.parentElement?.closest(".hv-example button") && ON_EXAMPLES[node.data.trim()];
    const chinese = translate(example ?? node.data);
    if (chinese !== null && chinese !== node.data) node.data = node.data.replace(node.data.trim(), () => chinese);
  };
  const visitAttributes = (element) => {
    for (const name of ATTRIBUTES) {
      const chinese = element.hasAttribute(name) ? translate(element.getAttribute(name)) : null;
      if (chinese !== null && chinese !== element.getAttribute(name)) element.setAttribute(name, chinese);
    }
  };
  const visit = (root) => {
    if (root.nodeType === Node.TEXT_NODE) return visitText(root);
    if (root.nodeType !== Node.ELEMENT_NODE || root.closest("script, style")) return;
    visitAttributes(root);
    for (const element of root.querySelectorAll(ATTRIBUTES.map((name) => `[${name}]`).join())) visitAttributes(element);
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) visitText(texts.currentNode);
  };
  visit(document.body);
  // What was translated is Chinese and is not looked up again, so this does not turn in circles.
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "childList") change.addedNodes.forEach(visit);
      else if (change.type === "characterData") visitText(change.target);
      else visitAttributes(change.target);
    }
  }).observe(document.body, {
    childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES,
  });
}
