// Draws plotly figures in the page's own colours, and again when those or the box's width change.
(() => {
  "use strict";
  const MARKS = { "#3b3b3b": "--ink", "#d4d4d4": "--line" }; // what style.py calls INK and LINE
  const CONFIG = {
    displaylogo: false,
    responsive: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  const drawn = new Map(); // box -> its figure

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // A copy whose marked colours are the page's.
  const painted = (part) => {
    if (typeof part === "string") return part in MARKS ? colour(MARKS[part]) : part;
    if (Array.isArray(part)) return part.map(painted);
    if (part === null || typeof part !== "object" || ArrayBuffer.isView(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, key === "bdata" ? value : painted(value)]));
  };

  // Names and values are long columns of data: only what says how they look is copied.
  const dressed = (trace) => ({
    ...trace,
    line: painted(trace.line ?? {}),
    marker: painted(trace.marker ?? {}),
  });

  const render = (box) => {
    const { data, layout } = drawn.get(box);
    const width = box.clientWidth;
    const narrow = width < 560;
    const own = painted(layout);
    own.width = width;
    own.hoverlabel = { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } };
    if (narrow) own.margin = { ...own.margin, l: 44, r: 6 };
    box.dataset.width = String(width);
    box.style.height = `${layout.height}px`;
    return Plotly.react(box, data.map(dressed), own, { ...CONFIG, displayModeBar: narrow ? false : "hover" });
  };

  globalThis.drawChart = (box, figure) => {
    drawn.set(box, figure);
    return render(box);
  };

  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const box of drawn.keys()) if (box.isConnected && String(box.clientWidth) !== box.dataset.width) render(box);
    }, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const box of drawn.keys()) if (box.isConnected) render(box);
  });
})();
