// Draws every figure, fits it to the screen or to paper, and handles choices and legends.
(async () => {
  "use strict";
  const PAPER = 700; // width of an A4 page without margins, in pixels
  const TALL = 720; // height left to a figure by its text, of 1020 pixels
  const CONFIG = { displayModeBar: false, responsive: false };

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
    constructor(figure, figures) {
      this.box = figure.querySelector(".plot");
      this.figures = figures;
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

    draw(width = this.box.parentElement.clientWidth) {
      const { data, layout } = this.figures[this.list ? this.list.selectedIndex : 0];
      for (const trace of data) trace.visible = !(trace.meta || []).some((name) => this.hidden.has(name));
      fit(layout, width);
      this.width = width;
      this.box.style.height = `${layout.height}px`;
      return Plotly.react(this.box, data, { ...layout }, CONFIG);
    }

    refit() {
      if (this.box.parentElement.clientWidth !== this.width) this.draw();
    }

    print() {
      this.draw(PAPER);
      const { layout } = this.figures[this.list ? this.list.selectedIndex : 0];
      this.box.style.zoom = Math.min(1, PAPER / layout.width, TALL / layout.height);
    }

    unprint() {
      this.box.style.zoom = "";
      this.draw();
    }
  }

  await loadPlotly();
  const plots = [];
  for (const figure of document.querySelectorAll("figure[data-plot]")) {
    const plot = new Plot(figure, JSON.parse(await unpack(figure.querySelector("script"))));
    plots.push(plot);
    await plot.draw();
    await new Promise((done) => setTimeout(done)); // keep the page responsive between figures
  }

  // Debounce: redraw once the window has kept its size for 150 ms.
  let timer;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => plots.forEach((plot) => plot.refit()), 150);
  });
  // Printing fires the print events; emulated print media changes the media query only.
  const paper = matchMedia("print");
  paper.addEventListener("change", () => plots.forEach((plot) => (paper.matches ? plot.print() : plot.unprint())));
  addEventListener("beforeprint", () => plots.forEach((plot) => plot.print()));
  addEventListener("afterprint", () => plots.forEach((plot) => plot.unprint()));
  // A mark for programs that wait for the figures, such as a screenshot.
  document.body.dataset.drawn = "all";
})();
