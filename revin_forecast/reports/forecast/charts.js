// Draws plotly figures in the page's colours; redraws them when the colours or the width change.
(() => {
  "use strict";
  const MARKS = { "#3b3b3b": "--ink", "#d4d4d4": "--line" }; // INK and GRID_COLOUR of style.py
  const CONFIG = {
    displaylogo: false,
    responsive: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  const figures = new Map(); // box -> figure

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // Copy a part of a figure; replace the colours of MARKS by the page's.
  const recolour = (part) => {
    if (typeof part === "string") return part in MARKS ? colour(MARKS[part]) : part;
    if (Array.isArray(part)) return part.map(recolour);
    if (part === null || typeof part !== "object" || ArrayBuffer.isView(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, key === "bdata" ? value : recolour(value)]));
  };

  // Copy the style of a trace only: its data are long, and names from the table are not colours.
  const recolourTrace = (trace) => ({
    ...trace,
    line: recolour(trace.line ?? {}),
    marker: recolour(trace.marker ?? {}),
  });

  const render = (box) => {
    const { data, layout } = figures.get(box);
    const width = box.clientWidth;
    const narrow = width < 560;
    const boxLayout = recolour(layout);
    boxLayout.width = width;
    boxLayout.hoverlabel = { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } };
    if (narrow) boxLayout.margin = { ...boxLayout.margin, l: 44, r: 6 };
    box.dataset.width = String(width);
    box.style.height = `${layout.height}px`;
    return Plotly.react(box, data.map(recolourTrace), boxLayout, { ...CONFIG, displayModeBar: narrow ? false : "hover" });
  };

  globalThis.drawChart = (box, figure) => {
    figures.set(box, figure);
    return render(box);
  };

  // Debounce: redraw once the window has kept its size for 150 ms.
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      for (const box of figures.keys()) if (box.isConnected && String(box.clientWidth) !== box.dataset.width) render(box);
    }, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const box of figures.keys()) if (box.isConnected) render(box);
  });
})();
