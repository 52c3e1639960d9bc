"""The page of a study in a browser: by mouse and keyboard, wide and narrow, light and dark."""

import re
from itertools import pairwise

import pytest

OPEN_DETAILS = "document.querySelectorAll('details').forEach(details => { details.open = true; })"

TWO_FRAMES = "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"

#: Sorting of the header cells and texts of the rows of every table, after each of two clicks on each column.
SORTED_TABLES = """() => [...document.querySelectorAll("main table")].map(table => {
  const texts = () => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()));
  const heads = [...table.tHead.rows[0].cells];
  const clicks = heads.map((head, column) => [1, 2].map(() => {
    head.querySelector("button")?.click();
    return { sorting: heads.map(head => head.getAttribute("aria-sort")), rows: texts() };
  }));
  return { name: heads.map(head => head.textContent).join(" | "), n: table.tBodies[0].rows.length, clicks };
})"""

#: Texts with too little contrast to their background, with the contrast ratio.
LOW_CONTRAST = """() => {
  const channels = colour => {
    const [, space, parts] = /^(\\w+)\\(([^)]*)\\)/.exec(colour);
    if (!space.startsWith("rgb")) throw new Error(`unexpected colour space: ${colour}`);
    const [r, g, b, a = 1] = parts.split(/[\\s,\\/]+/).filter(Boolean).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const backgroundOf = element => {
    if (!element) return [255, 255, 255];
    const colour = channels(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, backgroundOf(element.parentElement));
  };
  const luminance = rgb => {
    const [r, g, b] = rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  let n = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script")) continue;
    const background = backgroundOf(element);
    const [light, dark] = [over(channels(getComputedStyle(element).color), background), background]
      .map(luminance).sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    n += 1;
    if (contrast < 4.5) found.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return { n, found };
}"""

#: Number the elements that the keyboard must reach, regions only if they scroll, and return how many there are.
STOPS = """() => {
  const all = [...document.querySelectorAll("a[href], button, summary, audio[controls], .wide, nav ul")];
  const scrolls = element => element.scrollWidth > element.clientWidth;
  const stops = all.filter(element => element.checkVisibility() && !element.closest("dialog")
    && (!element.matches(".wide, nav ul") || (element.matches(".wide") && scrolls(element))));
  stops.forEach((element, place) => { element.dataset.stop = place; });
  return stops.length;
}"""


def number_of(text: str) -> float | None:
    """Return the number a cell starts with, a time in seconds; None without a number."""
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d)", text):
        return float(int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3]))
    found = re.match(r"[<>]?\s*([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)(?=$|[\s%/])", text, flags=re.IGNORECASE)
    return float(found[1].replace(",", "")) if found else None


def is_missing(text: str) -> bool:
    return text in ("", "-", "–")


# --- content -------------------------------------------------------------------------------------------------


def test_the_page_requests_nothing_and_logs_no_errors(opened, page_file):
    in_browser = opened()
    in_browser.page.evaluate(OPEN_DETAILS)
    in_browser.page.wait_for_load_state("networkidle")
    assert in_browser.requests == [page_file.as_uri()]
    assert in_browser.messages == []


def test_every_link_has_a_target_and_every_image_loads(opened):
    page = opened().page
    links = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
    assert len(links) > 10
    assert [link for link in links if not link.startswith("#")] == []
    assert [link for link in links if page.locator(f"[id='{link[1:]}']").count() != 1] == []
    images = page.eval_on_selector_all(
        "main img", "images => Promise.all(images.map(i => i.decode().then(() => [i.alt, i.naturalWidth])))"
    )
    assert len(images) >= 10
    assert [alt for alt, width in images if not alt or width == 0] == []


def test_every_audio_example_loads(opened):
    lengths = opened().page.evaluate("""() => Promise.all([...document.querySelectorAll("audio")].map(audio =>
      new Promise((resolve, reject) => {
        audio.addEventListener("loadeddata", () => resolve([audio.readyState, audio.duration]));
        audio.addEventListener("error", () => reject(new Error(audio.getAttribute("aria-label"))));
        audio.preload = "auto";
        audio.load();
      })))""")
    assert len(lengths) >= 5
    assert all(state >= 2 and 0.1 < seconds < 60 for state, seconds in lengths), lengths


def test_each_corpus_has_a_spectrogram_of_each_emotion(opened):
    page = opened().page
    for corpus in ("tones", "tones_again"):
        article = page.locator(f"#corpus-{corpus}")
        assert article.locator("img").count() == 3
        assert article.locator("figcaption strong").all_inner_texts() == ["anger", "sadness"]
        row = article.locator("table.counts tbody tr").first
        assert row.locator("td").all_inner_texts() == ["4", "4", "8"]


# --- sorting -------------------------------------------------------------------------------------------------


def test_every_table_sorts_both_ways(opened):
    tables = opened().page.evaluate(SORTED_TABLES)
    assert len(tables) > 15
    n_numeric = 0
    for table in tables:
        if table["n"] < 2:
            continue
        for column, (up, down) in enumerate(table["clicks"]):
            if all(is_missing(row[column]) for row in up["rows"]):
                continue  # such as the column of players
            assert up["sorting"][column] == "ascending", table["name"]
            assert down["sorting"][column] == "descending", table["name"]
            assert sum(sorting is not None for sorting in down["sorting"]) == 1
            assert sorted(map(tuple, up["rows"])) == sorted(map(tuple, down["rows"]))
            for rows, sign in ((up["rows"], 1), (down["rows"], -1)):
                texts = [" ".join(row[column].split()) for row in rows]
                known = [text for text in texts if not is_missing(text)]
                assert texts[: len(known)] == known, f"{table['name']}: missing values are not last"
                numbers = [number_of(text) for text in known]
                if None not in numbers:
                    n_numeric += 1
                    in_order = [sign * number for number in numbers]
                    assert in_order == sorted(in_order), f"{table['name']}, column {column}"
    assert n_numeric > 50


@pytest.mark.parametrize(
    ("cells", "ascending"),
    [
        (
            ["41.2 [38.0, 44.5]", "–", "9.9 [1.0, 99.0]", "-3.0 [-9.8, +6.2]", "100.0 [99.0, 100.0]", "+2.5", "-10"],
            ["-10", "-3.0 [-9.8, +6.2]", "+2.5", "9.9 [1.0, 99.0]", "41.2 [38.0, 44.5]", "100.0 [99.0, 100.0]", "–"],
        ),
        (["0.0312", "<0.0001", "", "0.0001", "1.0000"], ["<0.0001", "0.0001", "0.0312", "1.0000", ""]),
        (["1,280", "320", "12", "-"], ["12", "320", "1,280", "-"]),
        (["0:10:00", "0:09:59", "12:00:00"], ["0:09:59", "0:10:00", "12:00:00"]),
        (["4 STFT", "10 Mel", "functionals + SVM", "2 Mel"], ["2 Mel", "4 STFT", "10 Mel", "functionals + SVM"]),
        (["3 of 5", "10 of 12", "0 of 1"], ["0 of 1", "3 of 5", "10 of 12"]),
        (["1e-06", "0.5", "2e-07"], ["2e-07", "1e-06", "0.5"]),
    ],
)  # fmt: skip
def test_cells_are_sorted_by_number_time_or_text(opened, page_file, tmp_path, cells, ascending):
    rows = "".join(f"<tr><td>{cell.replace('<', '&lt;')}</td></tr>" for cell in cells)
    table = f"<table id='awkward'><thead><tr><th>a</th></tr></thead><tbody>{rows}</tbody></table>"
    file = tmp_path / "page.html"
    text = page_file.read_text(encoding="utf-8")
    file.write_text(text.replace("<main>", f"<main>{table}", 1), encoding="utf-8")
    page = opened(file).page
    button = page.locator("#awkward button")
    button.focus()
    page.keyboard.press("Enter")
    assert page.locator("#awkward td").all_text_contents() == ascending
    page.keyboard.press("Space")
    known = [cell for cell in ascending if not is_missing(cell)]
    assert page.locator("#awkward td").all_text_contents() == known[::-1] + ascending[len(known) :]


# --- enlarged images -----------------------------------------------------------------------------------------


def test_every_image_is_enlarged_and_closed_by_keyboard(opened):
    page = opened().page
    buttons = page.locator("main .enlarge")
    assert buttons.count() == page.locator("main figure").count() >= 10
    for place in range(buttons.count()):
        button = buttons.nth(place)
        button.focus()
        page.keyboard.press("Enter")
        large = page.evaluate("""() => {
          const dialog = document.querySelector("dialog"), image = dialog.querySelector("img");
          return image.decode().then(() => ({
            open: dialog.open, width: image.getBoundingClientRect().width, alt: image.alt,
            title: document.getElementById("large-title").textContent,
            inside: dialog.contains(document.activeElement),
          }));
        }""")
        assert large["open"]
        assert large["inside"]
        assert large["width"] >= 900
        assert large["alt"]
        assert large["title"]
        assert large["title"] in button.text_content()
        page.keyboard.press("Escape")
        assert not page.evaluate("document.querySelector('dialog').open")
        assert button.evaluate("button => button === document.activeElement")


def test_an_image_is_enlarged_by_a_click_and_closed_by_the_button(opened):
    page = opened(width=390, height=800).page
    page.locator("main figure img").first.click()
    assert page.locator("dialog").is_visible()
    page.get_by_role("button", name="Close").click()
    assert not page.locator("dialog").is_visible()
    assert page.locator("main .enlarge").first.evaluate("button => button === document.activeElement")


# --- accessibility -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(opened, width):
    page = opened(width=width, height=800).page
    page.evaluate(OPEN_DETAILS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_table_of_protocols_fits_a_desktop_without_scrolling(opened):
    widths = opened(width=1280).page.eval_on_selector_all(
        "#tables .protocols .wide", "regions => regions.map(region => [region.scrollWidth, region.clientWidth])"
    )
    assert widths
    assert all(needed <= given for needed, given in widths), widths


def test_the_first_column_stays_while_a_table_scrolls(opened):
    page = opened(width=360, height=800).page
    lefts = page.evaluate("""() => {
      const region = [...document.querySelectorAll("#tables .wide")].find(r => r.scrollWidth > r.clientWidth + 50);
      const left = () => region.querySelector("tbody th").getBoundingClientRect().left;
      const before = left();
      region.scrollLeft = 50;
      return [before, left(), region.scrollLeft];
    }""")
    assert lefts[2] == 50
    assert lefts[1] == pytest.approx(lefts[0], abs=1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(opened, scheme):
    page = opened(scheme=scheme).page
    page.evaluate(OPEN_DETAILS)
    contrast = page.evaluate(LOW_CONTRAST)
    assert contrast["n"] > 500
    assert contrast["found"] == []


def test_the_choice_of_light_or_dark_is_stored(opened):
    page = opened(scheme="light").page
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    button = page.get_by_role("button", name=re.compile("^Dark"))
    assert button.get_attribute("aria-pressed") == "false"
    button.focus()
    page.keyboard.press("Enter")
    dark = page.evaluate(background)
    assert dark != light
    assert button.get_attribute("aria-pressed") == "true"
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_role("button", name=re.compile("^Dark")).click()
    assert page.evaluate(background) == light
    assert opened(scheme="dark").page.evaluate(background) == dark


def test_figures_have_a_white_background_in_the_dark(opened):
    page = opened(scheme="dark").page
    backgrounds = page.eval_on_selector_all(
        "figure img", "images => images.map(image => getComputedStyle(image).backgroundColor)"
    )
    assert set(backgrounds) == {"rgb(255, 255, 255)"}


def test_every_control_image_and_region_has_a_name(opened):
    page = opened().page
    page.evaluate(OPEN_DETAILS)
    page.evaluate("document.querySelectorAll('.wide').forEach(region => { region.tabIndex = 0; })")
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "link", "region", "image", "Audio", "navigation", "columnheader", "rowheader"}
    found = {role: [] for role in named}
    for node in tree:
        role = node.get("role", {}).get("value")
        if role in named and not node["ignored"]:
            found[role].append(node.get("name", {}).get("value", "").strip())
    assert {role for role, names in found.items() if not names} == set()
    assert {role: names.count("") for role, names in found.items() if "" in names} == {}


def test_the_page_has_landmarks_and_headings_skip_no_level(opened):
    page = opened().page
    assert [page.locator(f"body > {tag}").count() for tag in ("nav", "header", "main")] == [1, 1, 1]
    assert page.locator("html").get_attribute("lang") == "en"
    levels = page.eval_on_selector_all("h1, h2, h3, h4, h5", "all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_reaches_everything_in_the_order_of_the_page(opened, width):
    page = opened(width=width).page
    page.evaluate(OPEN_DETAILS)
    page.evaluate(TWO_FRAMES)  # in the first, the regions are told their new size, and whether they scroll
    n_stops = page.evaluate(STOPS)
    assert n_stops > 100
    reached = []
    for _ in range(6 * n_stops):  # a player has several stops
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop ?? null")
        if stop is None and reached and int(reached[-1]) == n_stops - 1:
            break
        if stop is not None and (not reached or reached[-1] != stop):
            reached.append(stop)
    assert [int(stop) for stop in reached[:n_stops]] == list(range(n_stops))


def test_the_first_stop_skips_to_the_claims_and_the_focus_is_visible(opened):
    page = opened().page
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to the claims"
    assert skip.bounding_box()["x"] >= 0
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.url.endswith("#claims")
    assert 0 <= page.locator("#claims h2").bounding_box()["y"] < 200


def test_the_navigation_stays_visible_and_marks_the_current_section(opened):
    page = opened(width=390, height=800).page
    page.evaluate("document.getElementById('cost').scrollIntoView()")
    page.wait_for_function("document.querySelector('nav a[aria-current]')?.hash === '#cost'")
    assert page.locator("nav").bounding_box()["y"] == 0


def test_the_printed_page_has_neither_navigation_nor_buttons(opened):
    page = opened().page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator(".enlarge:visible").count() == 0
    assert page.locator("#tables table").first.is_visible()
