// The page of the service: sends a file and shows its forecast. Text from the file is never inserted as HTML.
(async () => {
  "use strict";
  // Thousands of series would give a table of millions of cells, which browsers can't show.
  const MAX_ROWS = 400;
  const MAX_COLUMNS = 100;
  const at = (id) => document.getElementById(id);
  let token = sessionStorage.getItem("token") ?? "";
  let model = null; // answer of /model
  let shown = null; // the last forecast
  let lastRequest = 0; // number of the last request
  let lastFile = null; // its file

  const say = (text, kind = "") => {
    at("state").textContent = text;
    at("state").className = kind;
  };

  const ask = async (path, options = {}) => {
    const headers = { ...options.headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) };
    const answer = await fetch(path, { ...options, headers }).catch(() => {
      throw new Error("The server does not answer, or the file can't be read. Try again.");
    });
    const body = await answer.json().catch(() => ({ detail: `the server answered ${answer.status}` }));
    if (!answer.ok) throw Object.assign(new Error(body.detail), { status: answer.status });
    return body;
  };

  const listNames = (names, max = 8) =>
    names.slice(0, max).join(", ") + (names.length > max ? ` and ${names.length - max} more` : "");

  const makeElement = (tag, text, kind) => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (kind) element.className = kind;
    return element;
  };

  const makeHeader = (name, isNumeric) => {
    const cell = makeElement("th", name, isNumeric ? "number" : "");
    cell.scope = "col";
    return cell;
  };

  // Choices of intervals: the two usual ones at once, each one alone, none.
  const offerLevels = (levels) => {
    const both = [80, 95].every((level) => levels.includes(level)) ? [[80, 95]] : [];
    const choices = [...both, ...levels.toReversed().map((level) => [level]), []];
    const options = choices.map((choice) => makeElement("option", choice.length ? `${choice.join(" and ")} %` : "none"));
    options.forEach((option, index) => (option.value = choices[index].join(",")));
    at("level").replaceChildren(...options);
    at("level").disabled = !levels.length;
  };

  const describeSavedModel = () => {
    describeQuality();
    const { series, inputs, future, columns } = model;
    at("about").textContent =
      `${model.horizon} steps of ${series.length} series (${listNames(series)}), ${model.step_words ?? "step unknown"}, ` +
      `each forecast from ${model.lookback} rows.`;
    const names = [...Object.values(columns).flat(), ...(columns.id ? [] : [...series, ...inputs, ...future])];
    at("wanted").textContent =
      `Columns that the model was fitted on: ${listNames(names)}; at least the last ${model.lookback} rows, ` +
      `at most ${model.limits.mebibytes} MiB.` +
      (future.length ? ` It also needs ${listNames(future)} for the steps ahead, which only the API takes.` : "");
  };

  const percent = (share) => `${Math.floor(100 * share)} %`; // rounded down: never better than it is

  // The tests of the model against the naive forecast, the worst series included, and its last row.
  const describeQuality = () => {
    const { quality, fitted_on: fittedOn, series } = model;
    const parts = [];
    if (quality) {
      const naive = quality.naive_season > 1
        ? `repeating the last ${quality.naive_season} steps` : "repeating the last value";
      const [of, one] = series.length > 1 ? [" of each series", "; the worst series is "] : ["", ""];
      parts.push(
        `In ${quality.tests} tests${of}, which may overlap, the model was at least as good as ${naive} in ` +
        `${percent(quality.as_good_share)}${one && `${one}${quality.worst_series} (${percent(quality.worst_share)})`}.`,
      );
      if (quality.series_behind) parts.push(`${quality.series_behind} of ${series.length} series are mostly better without it.`);
      if (quality.mase !== null && quality.naive_mase !== null) {
        parts.push(`The error of the model (MASE) was ${quality.mase.toFixed(2)}, that of the naive forecast ${quality.naive_mase.toFixed(2)}.`);
      }
    } else parts.push("The model was not tested against the naive forecast.");
    if (fittedOn?.last) {
      parts.push(`The model was fitted on ${fittedOn.rows} rows up to ${fittedOn.last.replace(/ 00:00:00$/, "")}.`);
    }
    at("quality").textContent = parts.join(" ");
    at("quality").hidden = false;
  };

  const describePretrained = () => {
    at("about").textContent =
      `${model.name}: a network of ${model.parameters} weights that was trained on synthetic series alone ` +
      `(generator ${model.generator_version}). Nothing is fitted.`;
    at("wanted").textContent =
      `Any table with a time column and at least ${model.min_rows} rows, at most ${model.limits.mebibytes} MiB.`;
    at("horizon").max = model.max_horizon;
    at("season").max = model.max_season;
  };

  const enter = async () => {
    try {
      model = await ask("/model");
      (model.pretrained ? describePretrained : describeSavedModel)();
      at("choices").hidden = !model.pretrained;
      at("newest").hidden = Boolean(model.pretrained);
      offerLevels(model.levels);
      at("entrance").hidden = true;
      at("desk").hidden = false;
      say("");
    } catch (error) {
      const refused = error.status === 401;
      at("about").textContent = "";
      at("entrance").hidden = !refused;
      at("desk").hidden = true;
      say(refused ? (token ? "That is not the token." : "This service requires a token.") : error.message, "problem");
    }
    document.body.dataset.drawn = "all";
  };

  const fill = ({ columns, forecast }) => {
    const row = (cells) => {
      const element = document.createElement("tr");
      element.append(...cells);
      return element;
    };
    const [names, rows] = [columns.slice(0, MAX_COLUMNS), forecast.slice(0, MAX_ROWS)];
    const numeric = (value) => typeof value === "number";
    const text = (value) => (numeric(value) ? Number(value.toPrecision(6)).toString() : String(value ?? ""));
    const head = document.createElement("thead");
    head.append(row(names.map((name) => makeHeader(name, numeric(forecast[0]?.[name])))));
    const body = document.createElement("tbody");
    for (const record of rows) {
      body.append(row(names.map((name) => makeElement("td", text(record[name]), numeric(record[name]) ? "number" : ""))));
    }
    at("numbers").replaceChildren(makeElement("caption", at("heading").textContent), head, body);
    const parts = [
      ...(rows.length < forecast.length ? [`${rows.length} of ${forecast.length} rows`] : []),
      ...(names.length < columns.length ? [`${names.length} of ${columns.length} columns`] : []),
    ];
    at("listed").hidden = !parts.length;
    at("listed").textContent = `The first ${parts.join(" and ")}; the download holds all.`;
  };

  const draw = () => {
    const name = shown.names[at("series").selectedIndex];
    return drawChart(at("chart"), shown.figures[name]);
  };

  const forecast = async (file) => {
    const number = ++lastRequest;
    lastFile = file;
    at("result").hidden = true;
    if (file && file.size > model.limits.mebibytes * 2 ** 20) {
      say(`The file is larger than ${model.limits.mebibytes} MiB. Send its last rows.`, "problem");
      return;
    }
    say(file ? `Forecasting ${file.name} ...` : "Forecasting ...");
    const levels = at("level").value.split(",").filter(Boolean);
    const choices = ["horizon", "season"].filter((name) => model.pretrained && at(name).value);
    const query = [
      ...levels.map((level) => `level=${level}`),
      ...choices.map((name) => `${name}=${encodeURIComponent(at(name).value)}`),
    ].join("&");
    try {
      const type = file ? "text/csv" : "application/json"; // {}: forecast after the rows fitted on
      const options = { method: "POST", headers: { "Content-Type": type }, body: file ?? "{}" };
      const answer = await ask(`/chart?${query}`, options);
      if (number !== lastRequest) return; // a newer request was sent meanwhile
      shown = answer;
      at("heading").textContent = file ? `Forecast of ${file.name}` : "Forecast";
      at("series").replaceChildren(...answer.names.map((name) => makeElement("option", name)));
      at("picking").hidden = answer.names.length < 2;
      const [drawn, all] = [answer.names.length, model.pretrained ? answer.series_count : model.series.length];
      at("drawn").hidden = drawn >= all;
      at("drawn").textContent = `The first ${drawn} of ${all} series; the download holds all.`;
      fill(answer);
      at("result").hidden = false;
      say([`Forecast: ${answer.forecast.length} rows.`, ...answer.notes].join(" "));
      await draw();
    } catch (error) {
      if (number !== lastRequest) return;
      if (error.status === 401) await enter(); // the token has changed
      else say(error.message, "problem");
    }
  };

  at("series").addEventListener("change", draw);
  at("level").addEventListener("change", () => shown && forecast(lastFile));
  for (const name of ["horizon", "season"]) {
    at(name).addEventListener("change", () => lastFile && forecast(lastFile));
  }
  at("newest").addEventListener("click", () => forecast(null));
  at("file").addEventListener("change", () => {
    if (at("file").files.length) forecast(at("file").files[0]);
    at("file").value = ""; // choosing the same file again must fire change
  });
  at("entrance").addEventListener("submit", (event) => {
    event.preventDefault();
    token = at("token").value;
    sessionStorage.setItem("token", token);
    enter();
  });
  at("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([shown.csv], { type: "text/csv" }));
    link.download = "forecast.csv";
    link.click();
    URL.revokeObjectURL(link.href);
  });
  for (const kind of ["dragover", "dragenter"]) {
    addEventListener(kind, (event) => {
      event.preventDefault();
      at("drop").classList.add("over");
    });
  }
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) at("drop").classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault(); // otherwise the browser leaves the page and opens the file
    at("drop").classList.remove("over");
    if (!at("desk").hidden && event.dataTransfer.files.length) forecast(event.dataTransfer.files[0]);
  });

  await enter();
})();
