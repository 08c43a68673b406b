// Draws the charts of the selected series and offers the forecast for download.
(async () => {
  "use strict";
  const at = (id) => document.getElementById(id);
  const picker = at("series");

  at("download")?.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.parse(at("data-csv").textContent)], { type: "text/csv" }));
    link.download = "forecast.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  if (!canUnpack()) return;

  // The table of values shows the picked series.
  const tables = at("data-numbers") ? JSON.parse(await unpack(at("data-numbers"))) : [];
  picker?.addEventListener("change", () => {
    const body = at("numbers");
    body.dataset.series = picker.value;
    body.replaceChildren(...(tables[picker.selectedIndex] ?? []).map((texts) => {
      const row = document.createElement("tr");
      texts.forEach((text, column) => {
        const cell = row.insertCell();
        cell.textContent = text;
        if (column > 0) cell.className = "number";
      });
      return row;
    }));
  });

  await loadPlotly();
  const charts = [];
  for (const key of ["fan", "parts", "steps", "left"]) {
    const [box, data] = [at(`chart-${key}`), at(`data-${key}`)];
    if (!box || !data) continue;
    charts.push({ box, figures: JSON.parse(await unpack(data)) });
  }

  const draw = () => {
    const index = picker ? picker.selectedIndex : 0;
    for (const { box, figures } of charts) {
      // The chart of errors by step has a single figure for all series.
      const isOfSeries = figures.length > 1;
      if (picker && isOfSeries) box.dataset.series = picker.value; // page.css prints it above the chart
      (box === charts[0].box ? drawChart : drawChartInView)(box, figures[Math.min(index, figures.length - 1)]);
    }
  };
  picker?.addEventListener("change", draw);

  draw();
  // A mark for programs that wait for the charts in the window, such as a screenshot.
  requestAnimationFrame(() => setTimeout(() => (document.body.dataset.drawn = "all")));
})();
