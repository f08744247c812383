() => {
  // Paints on the film of the Experiment page's editor, by mouse, pen or finger. Strokes are kept in the canvas's own
  // pixels, so that they stay where they are on the film when the page's size changes.
  const painted = new WeakMap();
  let held = null;
  const surface = () => document.querySelector(".hv-paint canvas");
  const strokesOf = (canvas) => painted.get(canvas) ?? painted.set(canvas, []).get(canvas);
  const slider = () => document.querySelector(".hv-brushes input[type=range]");

  const place = (canvas, event) => {
    const box = canvas.getBoundingClientRect(), scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  };
  const draw = (canvas, { colour, size, points }, from = 0) => {
    const pen = canvas.getContext("2d");
    pen.globalCompositeOperation = colour ? "source-over" : "destination-out";
    Object.assign(pen, { strokeStyle: colour || "#000", lineWidth: size, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    pen.moveTo(...points[from]);
    for (const [x, y] of points.slice(from)) pen.lineTo(x + 0.01, y); // A click alone is a dot.
    pen.stroke();
  };
  const redraw = (canvas) => {
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    for (const stroke of strokesOf(canvas)) draw(canvas, stroke);
  };
  const wipe = (canvas) => {
    painted.delete(canvas);
    held = null;
    redraw(canvas);
  };
  // The ring shows how much a stroke will cover.
  const showRing = (canvas, event) => {
    const [x, y] = place(canvas, event), { width, height } = canvas;
    const style = { left: `${(100 * x) / width}%`, top: `${(100 * y) / height}%` };
    Object.assign(canvas.nextElementSibling.style, { ...style, width: `${(100 * slider().value) / width}%` });
  };

  document.addEventListener("pointerdown", (event) => {
    const canvas = event.target;
    if (canvas !== surface() || event.button || held) return;
    canvas.setPointerCapture(event.pointerId);
    const { value: colour } = document.querySelector(".hv-brushes input[type=radio]:checked");
    held = { canvas, pointer: event.pointerId, stroke: { colour, size: +slider().value, points: [place(canvas, event)] } };
    strokesOf(canvas).push(held.stroke);
    draw(canvas, held.stroke);
  });
  document.addEventListener("pointermove", (event) => {
    if (event.target === surface()) showRing(event.target, event);
    if (held?.pointer !== event.pointerId) return;
    const { canvas, stroke } = held, from = stroke.points.length - 1;
    const passed = event.getCoalescedEvents?.() ?? [];
    stroke.points.push(...(passed.length ? passed : [event]).map((each) => place(canvas, each)));
    draw(canvas, stroke, from);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    document.addEventListener(kind, (event) => { if (held?.pointer === event.pointerId) held = null; });
  }

  document.addEventListener("input", (event) => {
    if (event.target === slider()) document.querySelector(".hv-brushes [data-is]").textContent = event.target.value;
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.(".hv-brushes [data-do]"), canvas = surface();
    if (!button || !canvas) return;
    if (button.dataset.do === "clear") wipe(canvas);
    strokesOf(canvas).pop();
    redraw(canvas);
  });

  // An answer brings the film with the heart as it is by then: what was painted on another one goes.
  new MutationObserver(() => { if (surface()) wipe(surface()); })
    .observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-drawn"] });
}
