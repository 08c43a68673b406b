// Draws plotly figures in the page's colours; draws them again when colours or width change, and for paper.
(() => {
  "use strict";
  const MARKS = { "#3b3b3b": "--ink", "#d4d4d4": "--line" }; // INK and GRID_COLOUR of style.py
  const PAPER_WIDTH = 700; // pixels of an A4 page without its margins
  const CONFIG = {
    displaylogo: false,
    responsive: false,
    modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
  };
  const figures = new Map(); // box -> figure
  const revisions = new WeakMap(); // figure -> number: zoom and hidden lines are kept while it stays
  const waiting = new Set(); // boxes whose figure is drawn once they are near the window
  let revision = 0;
  let isPrinting = false;

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

  // Print styles scale the drawing to the paper, whatever width it was drawn for.
  const makeScalable = (box, width, height) => {
    for (const svg of box.querySelectorAll(".main-svg")) svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const container of box.querySelectorAll(".svg-container")) container.style.aspectRatio = `${width} / ${height}`;
  };

  // Let the keyboard reach the entries of the legend. Plotly listens to the mouse only.
  const openLegend = (box) => {
    for (const entry of box.querySelectorAll(".legend .traces")) {
      const toggle = entry.querySelector(".legendtoggle");
      const trace = entry.__data__?.[0]?.trace;
      if (!toggle || !trace) continue;
      const name = entry.textContent;
      const values = { tabindex: "0", role: "checkbox", "aria-checked": trace.visible === true, "aria-label": `show ${name}` };
      for (const [key, value] of Object.entries(values)) entry.setAttribute(key, value);
      entry.onkeydown = (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        box.dataset.focused = name;
        for (const kind of ["mousedown", "mouseup"]) toggle.dispatchEvent(new MouseEvent(kind, { button: 0 }));
      };
      if (box.dataset.focused === name) entry.focus({ preventScroll: true });
    }
  };

  const render = (box) => {
    const figure = figures.get(box);
    const width = isPrinting ? PAPER_WIDTH : box.clientWidth;
    const narrow = width < 560;
    const layout = isPrinting ? { ...figure.layout } : recolour(figure.layout);
    layout.width = width;
    layout.uirevision = revisions.get(figure);
    layout.hoverlabel = { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } };
    if (narrow) layout.margin = { ...layout.margin, l: 44, r: 6 };
    waiting.delete(box);
    box.dataset.width = String(width);
    const data = isPrinting ? figure.data : figure.data.map(recolourTrace);
    const drawn = Plotly.react(box, data, layout, { ...CONFIG, displayModeBar: narrow ? false : "hover" });
    if (!box.dataset.prepared) {
      box.dataset.prepared = "yes";
      box.on("plotly_afterplot", () => openLegend(box));
      box.addEventListener("focusout", (event) => event.relatedTarget && delete box.dataset.focused);
    }
    makeScalable(box, width, layout.height);
    openLegend(box);
    return drawn;
  };

  const keep = (box, figure) => {
    figures.set(box, figure);
    box.style.height = `${figure.layout.height}px`;
    if (!revisions.has(figure)) revisions.set(figure, ++revision);
  };

  globalThis.drawChart = (box, figure) => {
    keep(box, figure);
    return render(box);
  };

  // Most readers never scroll to the last charts: drawing them takes longer than all the rest of the page.
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) if (isIntersecting && waiting.has(target)) render(target);
    },
    { rootMargin: "400px 0px" },
  );
  globalThis.drawChartInView = (box, figure) => {
    keep(box, figure);
    waiting.add(box);
    watcher.unobserve(box); // observing a box reports its position, but only the first time
    watcher.observe(box);
  };

  const renderAll = () => {
    for (const box of figures.keys()) if (box.isConnected) render(box);
  };

  // Debounce: redraw once the window has kept its size for 150 ms.
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (isPrinting) return;
      for (const box of figures.keys()) {
        if (box.isConnected && !waiting.has(box) && String(box.clientWidth) !== box.dataset.width) render(box);
      }
    }, 150);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const box of figures.keys()) if (box.isConnected && !waiting.has(box)) render(box);
  });

  // A table that is wider than the paper gets smaller letters.
  const fitTables = () => {
    for (const table of document.querySelectorAll(".scroll > table")) {
      table.style.width = "min-content";
      const width = table.offsetWidth;
      table.style.width = "";
      table.style.zoom = isPrinting && width > PAPER_WIDTH ? PAPER_WIDTH / width : "";
    }
  };

  // Paper has no fold to open: the facts and the table of all series are printed.
  let opened = [];
  const setFolds = () => {
    if (isPrinting) opened = [...document.querySelectorAll("details[data-print]:not([open])")];
    for (const part of opened) part.open = isPrinting;
  };

  const setPrinting = (value) => {
    if (value === isPrinting) return;
    isPrinting = value;
    setFolds();
    fitTables();
    renderAll();
  };
  // Printing fires the print events; emulated print media changes the media query only.
  matchMedia("print").addEventListener("change", (event) => setPrinting(event.matches));
  addEventListener("beforeprint", () => setPrinting(true));
  addEventListener("afterprint", () => setPrinting(false));
})();
