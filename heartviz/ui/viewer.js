() => {
  // Moves the viewer of the Analyze page. Its HTML comes anew with every answer, so all is listened for
  // on the document.
  const START = {
    shown: "outlines", model: "mask", window: 256, level: 128, opacity: 100, invert: false, zoom: 1, x: 0, y: 0,
  };
  const MOST = 12, STEP = 1.25, MOVE = 8;
  let state = { ...START }, adopted = null, film = null, drag = null;
  const fingers = new Map();
  const within = (low, value, high) => Math.min(high, Math.max(low, value));
  const viewer = (event) => event.target.closest?.(".hv-viewer");
  const view = (event) => event.target.closest?.(".hv-view");

  const draw = (figure) => {
    // x and y are per cent of the film's own size on the page, so that they hold when the page's size changes.
    state.x = within(100 - 100 * state.zoom, state.x, 0);
    state.y = within(100 - 100 * state.zoom, state.y, 0);
    const { zoom, x, y, window: width, level, invert } = state;
    figure.querySelector(".hv-stage").style.transform = `translate(${x}%, ${y}%) scale(${zoom})`;
    figure.querySelector(".hv-view").classList.toggle("hv-zoomed", zoom > 1);
    figure.style.setProperty("--hv-opacity", state.opacity / 100);
    figure.style.setProperty("--hv-zoom", zoom);
    // DICOM PS3.3 C.11.2.1.2.1, with grays from 0 to 1.
    const slope = 255 / (width - 1), intercept = 0.5 - (level - 0.5) / (width - 1);
    for (const band of figure.querySelectorAll("feComponentTransfer > *")) {
      band.setAttribute("slope", invert ? -slope : slope);
      band.setAttribute("intercept", invert ? 1 - intercept : intercept);
    }
    for (const part of figure.querySelectorAll("[data-shown]")) {
      part.hidden = part.dataset.shown !== state.shown || ![undefined, state.model].includes(part.dataset.model);
    }
    for (const input of figure.querySelectorAll("[data-set]")) {
      const value = state[input.dataset.set];
      if (input.type === "radio") input.checked = input.value === value;
      else input.value = value;
    }
    for (const said of figure.querySelectorAll("[data-is]")) {
      const name = said.dataset.is;
      const words = name === "zoom" ? `${Math.round(100 * zoom)} %` : state[name] + (name === "opacity" ? " %" : "");
      if (said.textContent !== words) said.textContent = words;
    }
    figure.querySelector("[data-set=opacity]").disabled = state.shown === "film";
    const press = (button, on) => button.setAttribute("aria-pressed", String(on));
    for (const button of figure.querySelectorAll("[data-do=window]")) {
      press(button, +button.dataset.window === width && +button.dataset.level === level);
    }
    press(figure.querySelector("[data-do=invert]"), invert);
    press(figure.querySelector("[data-do=full]"), document.fullscreenElement === figure || figure.matches(".hv-full"));
  };

  const zoomTo = (figure, zoom, at) => {
    const box = figure.querySelector(".hv-stage").getBoundingClientRect();
    const seen = figure.querySelector(".hv-view").getBoundingClientRect();
    const [left, top] = at ?? [seen.left + seen.width / 2, seen.top + seen.height / 2];
    zoom = within(1, zoom, MOST);
    state.x += ((left - box.left) / box.width) * 100 * (state.zoom - zoom);
    state.y += ((top - box.top) / box.height) * 100 * (state.zoom - zoom);
    state.zoom = zoom;
    draw(figure);
  };
  const moveBy = (figure, right, down) => {
    const box = figure.querySelector(".hv-stage").getBoundingClientRect();
    state.x += (100 * state.zoom * right) / box.width;
    state.y += (100 * state.zoom * down) / box.height;
    draw(figure);
  };
  const fill = (figure) => {
    if (document.fullscreenElement) document.exitFullscreen();
    // Phones that give the screen to films of the other kind alone: the viewer fills the page.
    else if (figure.requestFullscreen) figure.requestFullscreen();
    else figure.classList.toggle("hv-full");
    draw(figure);
  };
  const act = (figure, action, button) => {
    if (action === "in") zoomTo(figure, state.zoom * STEP);
    if (action === "out") zoomTo(figure, state.zoom / STEP);
    if (action === "reset") Object.assign(state, { zoom: 1, x: 0, y: 0 });
    if (action === "invert") state.invert = !state.invert;
    if (action === "window") Object.assign(state, { window: +button.dataset.window, level: +button.dataset.level });
    if (action === "full") fill(figure);
    draw(figure);
  };

  document.addEventListener("click", (event) => {
    const figure = viewer(event), button = event.target.closest?.("[data-do]");
    if (figure && button) act(figure, button.dataset.do, button);
  });
  document.addEventListener("input", (event) => {
    const figure = viewer(event), name = event.target.dataset?.set;
    if (!figure || !name) return;
    state[name] = event.target.type === "range" ? +event.target.value : event.target.value;
    draw(figure);
  });
  document.addEventListener("dblclick", (event) => { if (view(event)) act(viewer(event), "reset"); });
  document.addEventListener("fullscreenchange", () => { if (adopted) draw(adopted); });

  const KEYS = { "+": "in", "=": "in", "-": "out", 0: "reset", i: "invert", f: "full" };
  const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  document.addEventListener("keydown", (event) => {
    const figure = viewer(event), key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (figure && key === "Escape" && figure.matches(".hv-full")) fill(figure);
    if (!view(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (KEYS[key]) act(figure, KEYS[key]);
    else if ("123".includes(key)) { state.shown = ["film", "outlines", "map"][key - 1]; draw(figure); }
    // Of a film that is seen whole the arrows move the page.
    else if (ARROWS[key] && state.zoom > 1) {
      const { width, height } = view(event).getBoundingClientRect(), [right, down] = ARROWS[key];
      moveBy(figure, (right * width) / MOVE, (down * height) / MOVE);
    } else return;
    event.preventDefault();
  });
  // The wheel moves the page until the film is clicked, so that nobody is caught on it; at either end it does again.
  document.addEventListener("wheel", (event) => {
    const figure = viewer(event), held = view(event);
    if (!held || !(event.ctrlKey || document.activeElement === held || document.fullscreenElement)) return;
    const zoom = within(1, state.zoom * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), MOST);
    if (zoom === state.zoom && !event.ctrlKey) return;
    event.preventDefault();
    zoomTo(figure, zoom, [event.clientX, event.clientY]);
  }, { passive: false });

  const spread = () => {
    const [a, b = a] = [...fingers.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  document.addEventListener("pointerdown", (event) => {
    if (!view(event) || event.button) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    drag = { figure: viewer(event), ...spread() };
  });
  document.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId) || !drag.figure.isConnected) return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const now = spread();
    moveBy(drag.figure, now.x - drag.x, now.y - drag.y);
    if (drag.apart && now.apart) zoomTo(drag.figure, (state.zoom * now.apart) / drag.apart, [now.x, now.y]);
    Object.assign(drag, now);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, (event) => {
      if (fingers.delete(event.pointerId) && fingers.size) Object.assign(drag, spread());
    });
  }
  document.addEventListener("touchmove", (event) => {
    if (event.touches.length > 1 && view(event)) event.preventDefault();
  }, { passive: false });

  // Other maps of the same film keep how it is looked at; another film starts afresh, and none leaves nothing behind.
  // Gradio writes an answer into the elements that are there, which sets them back: a new picture or its words tell so.
  new MutationObserver((changes) => {
    const figure = document.querySelector(".hv-viewer");
    const written = changes.some((change) => change.type === "attributes" && figure?.contains(change.target));
    if (figure === adopted && !written) return;
    const shown = figure?.querySelector(".hv-film")?.src ?? null;
    if (shown !== film) { state = { ...START }; fingers.clear(); }
    [adopted, film] = [figure, shown];
    if (figure) draw(figure);
  }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["src", "alt"] });
}
