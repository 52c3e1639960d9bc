{
  // --- light and dark
  const root = document.documentElement, button = document.getElementById("dark");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.colours ?? (system.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.colours = isDark() ? "light" : "dark";
    chosenColours.set(root.dataset.colours);
    show();
  });
  system.addEventListener("change", show);
  show();
}
{
  // --- sort tables: cells by the number they start with (41.2 of "41.2 [38.0, 44.5]"), by time, or as text; missing values are last
  const numeric = /^[<>]?\s*([+\-\u2212]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[+\-]?\d+)?)(?=$|[\s%\/])/i;
  const clock = /^(\d+):(\d\d):(\d\d)$/;
  const words = cell => cell.textContent.trim().replace(/\s+/g, " ");
  const isMissing = text => text === "" || text === "-" || text === "\u2013";
  const value = text => {
    const time = clock.exec(text), number = numeric.exec(text);
    if (time) return 3600 * time[1] + 60 * time[2] + Number(time[3]);
    if (!number) return NaN;
    const parsed = parseFloat(number[1].replaceAll(",", "").replace("\u2212", "-"));
    return text[0] === "<" ? parsed - 1e-9 : parsed;
  };
  const sort = (rows, column, sign) => {
    const texts = new Map(rows.map(row => [row, words(row.cells[column])]));
    const known = [...texts.values()].filter(text => !isMissing(text));
    const values = new Map(rows.map(row => [row, value(texts.get(row))]));
    const areNumbers = known.every(text => !Number.isNaN(value(text)));
    return [...rows].sort((a, b) => {
      const missing = isMissing(texts.get(a)) - isMissing(texts.get(b));
      if (missing) return missing;
      const byNumber = areNumbers && !isMissing(texts.get(a)) ? values.get(a) - values.get(b) : 0;
      return sign * (byNumber || texts.get(a).localeCompare(texts.get(b), "en", { numeric: true }));
    });
  };
  for (const table of document.querySelectorAll("main table")) {
    if (!table.tHead || table.tBodies[0].rows.length < 2) continue;
    const heads = [...table.tHead.rows[0].cells], rows = [...table.tBodies[0].rows];
    heads.forEach((head, column) => {
      if (rows.every(row => isMissing(words(row.cells[column])))) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        heads.forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
        table.tBodies[0].append(...sort(rows, column, sign));
      });
    });
  }
}
{
  // --- enlarge pictures; Escape closes, and the browser restores the focus
  const dialog = document.getElementById("large"), picture = dialog.querySelector("img");
  const open = figure => {
    const image = figure.querySelector("img");
    picture.src = image.src;
    picture.alt = image.alt;
    document.getElementById("large-title").textContent = figure.querySelector(".enlarge .unseen").textContent.slice(2);
    document.getElementById("large-caption").textContent = figure.querySelector("figcaption")?.textContent ?? "";
    dialog.showModal();
  };
  for (const button of document.querySelectorAll(".enlarge")) {
    const figure = button.closest("figure");
    button.hidden = false;
    button.addEventListener("click", () => open(figure));
    figure.querySelector("img").addEventListener("click", () => { button.focus(); open(figure); });
  }
  document.getElementById("large-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
}
{
  // --- a region that scrolls sideways is a tab stop, any other is not
  const regions = [...document.querySelectorAll(".wide")];
  const mark = region => region.scrollWidth > region.clientWidth ? region.tabIndex = 0 : region.removeAttribute("tabindex");
  const observer = new ResizeObserver(entries => entries.forEach(entry => mark(entry.target)));
  regions.forEach(region => observer.observe(region));
}
{
  // --- mark the current section in the navigation
  const links = new Map([...document.querySelectorAll("nav a")].map(link => [link.hash.slice(1), link]));
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries.filter(entry => entry.isIntersecting)) {
      links.forEach(link => link.removeAttribute("aria-current"));
      const link = links.get(entry.target.id), list = link.closest("ul");
      link.setAttribute("aria-current", "location");
      list.scrollLeft = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  links.forEach((_, id) => observer.observe(document.getElementById(id)));
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(details => { details.open = true; }));
