// Draws every figure, fits it to its box and to the paper, and follows lists and keys.
(async () => {
  "use strict";
  const PAPER = 700; // pixels between the margins of an A4 page
  const TALL = 720; // of its 1020 pixels of height, what words leave to a figure
  const CONFIG = { displayModeBar: false, responsive: false };

  const set = (layout, place, value) => {
    const steps = place.split(/[.[\]]+/).filter(Boolean);
    const last = steps.pop();
    let part = layout;
    for (const step of steps) part = part[step];
    part[last] = value;
  };

  // As many panels to a row as fit; see plots/grid.py.
  const fit = (layout, width) => {
    const { grids = {}, narrowest = 0, least = 0, most = Infinity } = layout.meta || {};
    const room = Math.max(1, Math.floor((width - layout.margin.l) / narrowest));
    const columns = Object.keys(grids).map(Number).filter((n) => n <= room);
    if (columns.length) {
      for (const [place, value] of Object.entries(grids[Math.max(...columns)])) set(layout, place, value);
    }
    layout.width = Math.min(Math.max(width, least), most);
  };

  class Plot {
    constructor(figure) {
      this.box = figure.querySelector(".plot");
      this.figures = JSON.parse(figure.querySelector("script").textContent);
      this.hidden = new Set();
      this.list = figure.querySelector("select");
      if (this.list) this.list.addEventListener("change", () => this.draw());
      for (const key of figure.querySelectorAll(".legend button")) {
        key.addEventListener("click", () => {
          const name = key.dataset.name;
          if (!this.hidden.delete(name)) this.hidden.add(name);
          key.setAttribute("aria-pressed", String(!this.hidden.has(name)));
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

  const plots = [];
  for (const figure of document.querySelectorAll("figure[data-plot]")) {
    const plot = new Plot(figure);
    plots.push(plot);
    await plot.draw();
    await new Promise((done) => setTimeout(done)); // let the page answer between figures
  }

  let waiting;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => plots.forEach((plot) => plot.refit()), 150);
  });
  const paper = matchMedia("print");
  paper.addEventListener("change", () => plots.forEach((plot) => (paper.matches ? plot.print() : plot.unprint())));
  addEventListener("beforeprint", () => plots.forEach((plot) => plot.print()));
  addEventListener("afterprint", () => plots.forEach((plot) => plot.unprint()));
  document.body.dataset.drawn = "all";
})();
