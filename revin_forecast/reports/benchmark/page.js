// Draws the figures that are visible, fits them to screen or paper, and opens details that a link names.
(async () => {
  "use strict";
  const PAPER = 700; // width of an A4 page without margins, in pixels
  const TALL = 720; // height left to a figure by its text, of 1020 pixels
  const CONFIG = { displayModeBar: false, responsive: false };
  const paper = matchMedia("print");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  let isPrinting = paper.matches;

  // Return the colour of a dark page for "#rrggbb" or "rgba(r,g,b,a)".
  const darken = (colour) => {
    const parts = /^rgba\((\d+), ?(\d+), ?(\d+), ?([\d.]+)\)$/.exec(colour);
    const hex = (value) => Number(value).toString(16).padStart(2, "0");
    const key = parts ? `#${parts.slice(1, 4).map(hex).join("")}` : colour.toLowerCase();
    return (darkColours[key] || colour) + (parts ? hex(Math.round(parts[4] * 255)) : "");
  };

  // Replace the colours of a figure while it is parsed.
  const revive = (key, value) => {
    if (key === "colorscale" && Array.isArray(value)) return value.map(([place, colour]) => [place, darken(colour)]);
    return typeof value === "string" && key.endsWith("color") ? darken(value) : value;
  };

  // Set a value of a layout at a path such as "xaxis2.domain" or "annotations[3].x".
  const set = (layout, path, value) => {
    const steps = path.split(/[.[\]]+/).filter(Boolean);
    const last = steps.pop();
    let part = layout;
    for (const step of steps) part = part[step];
    part[last] = value;
  };

  // Arrange the panels in as many columns as fit; plots/panels.py computes the positions.
  const fit = (layout, width) => {
    const { grids = {}, narrowest = 0, least = 0, most = Infinity } = layout.meta || {};
    const fittingColumns = Math.max(1, Math.floor((width - layout.margin.l) / narrowest));
    const columns = Object.keys(grids).map(Number).filter((n) => n <= fittingColumns);
    if (columns.length) {
      for (const [path, value] of Object.entries(grids[Math.max(...columns)])) set(layout, path, value);
    }
    layout.width = Math.min(Math.max(width, least), most);
  };

  class Plot {
    constructor(figure) {
      this.figure = figure;
      this.box = figure.querySelector(".plot");
      this.hidden = new Set();
      this.list = figure.querySelector("select");
      if (this.list) this.list.addEventListener("change", () => this.draw());
      for (const button of figure.querySelectorAll(".legend button")) {
        button.addEventListener("click", () => {
          const name = button.dataset.name;
          if (!this.hidden.delete(name)) this.hidden.add(name);
          button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
          this.draw();
        });
      }
    }

    // Sizes would not do: a browser lays closed details out in order to answer for them.
    get isVisible() {
      return !this.box.closest("details:not([open])");
    }

    async load() {
      this.text ??= unpack(this.figure.querySelector("script")).then((text) => (this.text = text));
      await this.text;
    }

    // Draw the chosen figure; its colours are those of the page.
    draw(width = isPrinting ? PAPER : this.box.parentElement.clientWidth) {
      if (typeof this.text !== "string" || !window.Plotly) return undefined;
      const isDark = dark.matches && !isPrinting;
      if (!this.figures || this.isDark !== isDark) this.figures = JSON.parse(this.text, isDark ? revive : undefined);
      this.isDark = isDark;
      const { data, layout } = this.figures[this.list ? this.list.selectedIndex : 0];
      for (const trace of data) trace.visible = !(trace.meta || []).some((name) => this.hidden.has(name));
      fit(layout, width);
      this.width = width;
      this.box.style.height = `${layout.height}px`;
      this.box.style.zoom = isPrinting ? Math.min(1, PAPER / layout.width, TALL / layout.height) : "";
      return Plotly.react(this.box, data, { ...layout }, CONFIG);
    }

    refit() {
      if (this.isVisible && this.box.parentElement.clientWidth !== this.width) this.draw();
    }
  }

  // Open the element that the address names, with all details around it.
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    target.scrollIntoView();
  };

  const plots = [...document.querySelectorAll("figure[data-plot]")].map((figure) => new Plot(figure));
  const drawVisible = async () => {
    delete document.body.dataset.drawn;
    for (const plot of plots) {
      if (!plot.isVisible || plot.figures) continue;
      await plot.load();
      await plot.draw();
      await new Promise((done) => setTimeout(done)); // keep the page responsive between figures
    }
    // A mark for programs that wait for the figures, such as a screenshot.
    if (plots.every((plot) => !plot.isVisible || plot.figures)) document.body.dataset.drawn = "all";
  };

  // Paper gets the topics that matter, in light colours.
  let opened = [];
  const startPrinting = () => {
    if (isPrinting && opened.length) return;
    isPrinting = true;
    opened = [...document.querySelectorAll("details[data-print]:not([open])")];
    for (const box of opened) box.open = true;
    for (const plot of plots) if (plot.isVisible) plot.draw();
  };
  const endPrinting = () => {
    isPrinting = false;
    for (const box of opened) box.open = false;
    opened = [];
    for (const plot of plots) if (plot.isVisible) plot.draw();
  };

  follow();
  addEventListener("hashchange", follow);
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    // The same address again fires no event.
    link.addEventListener("click", () => link.hash === location.hash && follow());
  }
  document.getElementById("open-all").addEventListener("click", ({ currentTarget }) => {
    const boxes = [...document.querySelectorAll("details.topic")];
    const open = boxes.some((box) => !box.open);
    for (const box of boxes) box.open = open;
    currentTarget.textContent = open ? "Close all" : "Open all";
  });

  if (!canUnpack()) return;
  await loadPlotly();
  let drawing = drawVisible();
  const drawOpened = () => (drawing = drawing.then(drawVisible));
  for (const box of document.querySelectorAll("details")) box.addEventListener("toggle", () => box.open && drawOpened());

  // Debounce: redraw once the window has kept its size for 150 ms.
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => plots.forEach((plot) => plot.refit()), 150);
  });
  dark.addEventListener("change", () => plots.forEach((plot) => plot.isVisible && plot.draw()));
  // Printing fires the print events; emulated print media changes the media query only.
  paper.addEventListener("change", () => (paper.matches ? startPrinting() : endPrinting()));
  addEventListener("beforeprint", startPrinting);
  addEventListener("afterprint", () => paper.matches || endPrinting());
  await drawing;
  // Printing can't wait: the data of its figures are unpacked in advance.
  for (const plot of plots) if (plot.figure.closest("details[data-print]")) await plot.load();
  document.body.dataset.ready = "print";
})();
