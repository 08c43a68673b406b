// Draws the charts of the series that is picked, and gives the forecast out as a file.
(async () => {
  "use strict";
  const read = (key) => JSON.parse(document.getElementById(`data-${key}`)?.textContent ?? "null");
  const picker = document.getElementById("series");
  const charts = ["fan", "steps", "left"]
    .map((key) => ({ box: document.getElementById(`chart-${key}`), figures: read(key) }))
    .filter(({ box, figures }) => box && figures?.length);

  const draw = async () => {
    const place = picker ? picker.selectedIndex : 0;
    for (const { box, figures } of charts) await drawChart(box, figures[Math.min(place, figures.length - 1)]);
  };
  picker?.addEventListener("change", draw);

  document.getElementById("download")?.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([read("csv")], { type: "text/csv" }));
    link.download = "forecast.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  await draw();
  document.body.dataset.drawn = "all";
})();
