() => {
  // Moves the ends of the ratio's two lines on the film of the Analyze page, by pointer and by arrow keys. What is
  // listened for here comes before the viewer's own dragging and keys.
  const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
  let held = null;
  const end = (event) => event.target.closest?.(".hv-end");
  const columns = (line) => [...line.querySelectorAll(".hv-end")].map((each) => +each.getAttribute("aria-valuenow"));
  const linesOf = (part) => [...part.closest(".hv-viewer").querySelectorAll(".hv-line")];

  const put = (line, [first, last]) => {
    const width = +line.parentElement.dataset.width;
    line.style.setProperty("--hv-first", first / width);
    line.style.setProperty("--hv-end", (last + 1) / width);
    line.querySelectorAll(".hv-end").forEach((each, index) => {
      each.setAttribute("aria-valuenow", [first, last][index]);
      each.setAttribute("aria-valuetext", `column ${[first, last][index]}`);
    });
    const figure = line.closest(".hv-viewer"), lines = linesOf(line);
    const [heart, thorax] = lines.map((each) => columns(each)).map(([from, to]) => to - from + 1);
    figure.querySelector(".hv-by-lines output").textContent = (heart / thorax).toFixed(2);
    figure.querySelector(".hv-put-back").hidden = lines.every((each) => each.dataset.found === columns(each).join());
  };
  const moveTo = (handle, column) => {
    const line = handle.parentElement, now = columns(line), index = +handle.dataset.end;
    const [low, high] = index ? [now[0], +line.parentElement.dataset.width - 1] : [0, now[1]];
    now[index] = Math.min(high, Math.max(low, Math.round(column)));
    put(line, now);
  };
  const tell = (part) => {
    const lines = linesOf(part), box = document.querySelector("#hv-lines textarea, #hv-lines input");
    const back = lines.every((each) => each.dataset.found === columns(each).join());
    const moved = back ? [] : lines.map((each) => [each.dataset.line, columns(each)]);
    // With the time it is another text even where another film's lines went to the same columns.
    box.value = JSON.stringify({ ...Object.fromEntries(moved), at: Date.now() });
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };

  document.addEventListener("pointerdown", (event) => {
    const handle = end(event);
    if (!handle || event.button) return;
    event.stopPropagation();
    handle.setPointerCapture(event.pointerId);
    const box = handle.getBoundingClientRect();
    held = { handle, pointer: event.pointerId, off: event.clientX - (box.left + box.width / 2) };
  }, true);
  document.addEventListener("pointermove", (event) => {
    if (held?.pointer !== event.pointerId || !held.handle.isConnected) return;
    const { handle, off } = held, lines = handle.closest(".hv-lines"), box = lines.getBoundingClientRect();
    moveTo(handle, ((event.clientX - off - box.left) / box.width) * +lines.dataset.width - +handle.dataset.end);
  }, true);
  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, (event) => {
      if (held?.pointer !== event.pointerId) return;
      if (held.handle.isConnected) tell(held.handle);
      held = null;
    }, true);
  }

  let waiting = null;
  document.addEventListener("keydown", (event) => {
    const handle = end(event), step = KEYS[event.key];
    if (!handle || !step || event.ctrlKey || event.metaKey || event.altKey) return;
    event.stopPropagation();
    event.preventDefault();
    moveTo(handle, +handle.getAttribute("aria-valuenow") + step * (event.shiftKey ? 10 : 1));
    // A key that is held down asks once, when it is let go.
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (handle.isConnected) tell(handle); }, 400);
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".hv-put-back");
    if (!button) return;
    for (const line of linesOf(button)) put(line, line.dataset.found.split(",").map(Number));
    tell(button);
  });
}
