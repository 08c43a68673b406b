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
  await loadPlotly();
  const charts = [];
  for (const key of ["fan", "parts", "steps", "left"]) {
    const [box, data] = [at(`chart-${key}`), at(`data-${key}`)];
    if (!box || !data) continue;
    charts.push({ box, figures: JSON.parse(await unpack(data)) });
  }

  let lastChoice = 0; // number of the last choice of a series
  const draw = async () => {
    const choice = ++lastChoice;
    const index = picker ? picker.selectedIndex : 0;
    for (const { box, figures } of charts) {
      if (choice !== lastChoice) return; // another series was chosen meanwhile
      // The chart of errors by step has a single figure for all series.
      await drawChart(box, figures[Math.min(index, figures.length - 1)]);
      await new Promise((done) => setTimeout(done)); // show the first chart before drawing the next
    }
  };
  picker?.addEventListener("change", draw);

  await draw();
  // A mark for programs that wait for the charts, such as a screenshot.
  document.body.dataset.drawn = "all";
})();
