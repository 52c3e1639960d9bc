"""The page of a study as its readers have it: in a browser, with a mouse or a keyboard, wide or narrow, light or dark."""

import re
from itertools import pairwise

import pytest

OPEN_DETAILS = "document.querySelectorAll('details').forEach(details => { details.open = true; })"

#: Of every table: its header cells' sorting and its rows' texts after a click on each column, twice.
SORTED_TABLES = """() => [...document.querySelectorAll("main table")].map(table => {
  const texts = () => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()));
  const heads = [...table.tHead.rows[0].cells];
  const clicks = heads.map((head, column) => [1, 2].map(() => {
    head.querySelector("button")?.click();
    return { sorting: heads.map(head => head.getAttribute("aria-sort")), rows: texts() };
  }));
  return { name: heads.map(head => head.textContent).join(" | "), n: table.tBodies[0].rows.length, clicks };
})"""

#: Words whose colour is too near to what is behind them, with the ratio of their luminances.
FAINT_WORDS = """() => {
  const channels = colour => {
    const [, space, parts] = /^(\\w+)\\(([^)]*)\\)/.exec(colour);
    if (!space.startsWith("rgb")) throw new Error(`a colour of another kind: ${colour}`);
    const [r, g, b, a = 1] = parts.split(/[\\s,\\/]+/).filter(Boolean).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
  const behind = element => {
    if (!element) return [255, 255, 255];
    const colour = channels(getComputedStyle(element).backgroundColor);
    return colour[3] === 1 ? colour.slice(0, 3) : over(colour, behind(element.parentElement));
  };
  const luminance = rgb => {
    const [r, g, b] = rgb.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  let n = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script")) continue;
    const background = behind(element);
    const [light, dark] = [over(channels(getComputedStyle(element).color), background), background]
      .map(luminance).sort((a, b) => b - a);
    const contrast = (light + 0.05) / (dark + 0.05);
    n += 1;
    if (contrast < 4.5) faint.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${contrast.toFixed(2)}`);
  }
  return { n, faint };
}"""

#: What a keyboard must reach, marked with its place; a region only where it scrolls.
STOPS = """() => {
  const all = [...document.querySelectorAll("a[href], button, summary, audio[controls], .wide, nav ul")];
  const scrolls = element => element.scrollWidth > element.clientWidth;
  const stops = all.filter(element => element.checkVisibility() && !element.closest("dialog")
    && (!element.matches(".wide, nav ul") || (element.matches(".wide") && scrolls(element))));
  stops.forEach((element, place) => { element.dataset.stop = place; });
  return stops.length;
}"""


def number_of(text: str) -> float | None:
    """The number a cell begins with, a clock in seconds; None where there is none."""
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d)", text):
        return float(int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3]))
    found = re.match(r"[<>]?\s*([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)(?=$|[\s%/])", text, flags=re.IGNORECASE)
    return float(found[1].replace(",", "")) if found else None


def is_missing(text: str) -> bool:
    return text in ("", "-", "–")


# --- nothing is missing ---------------------------------------------------------------------------------------


def test_nothing_is_asked_of_a_network_and_nothing_is_complained_of(opened, page_file):
    seen = opened()
    seen.page.evaluate(OPEN_DETAILS)
    seen.page.wait_for_load_state("networkidle")
    assert seen.asked == [page_file.as_uri()]
    assert seen.complaints == []


def test_every_link_leads_somewhere_and_every_picture_is_there(opened):
    page = opened().page
    links = page.eval_on_selector_all("a", "links => links.map(link => link.getAttribute('href'))")
    assert len(links) > 10
    assert [link for link in links if not link.startswith("#")] == []
    assert [link for link in links if page.locator(f"[id='{link[1:]}']").count() != 1] == []
    pictures = page.eval_on_selector_all(
        "main img", "images => Promise.all(images.map(i => i.decode().then(() => [i.alt, i.naturalWidth])))"
    )
    assert len(pictures) >= 10
    assert [alt for alt, width in pictures if not alt or width == 0] == []


def test_every_sound_loads(opened):
    lengths = opened().page.evaluate("""() => Promise.all([...document.querySelectorAll("audio")].map(audio =>
      new Promise((resolve, reject) => {
        audio.addEventListener("loadeddata", () => resolve([audio.readyState, audio.duration]));
        audio.addEventListener("error", () => reject(new Error(audio.getAttribute("aria-label"))));
        audio.preload = "auto";
        audio.load();
      })))""")
    assert len(lengths) >= 5
    assert all(state >= 2 and 0.1 < seconds < 60 for state, seconds in lengths), lengths


def test_each_corpus_is_there_with_a_picture_of_each_emotion(opened):
    page = opened().page
    for corpus in ("tones", "tones_again"):
        article = page.locator(f"#corpus-{corpus}")
        assert article.locator("img").count() == 3
        assert article.locator("figcaption strong").all_inner_texts() == ["anger", "sadness"]
        row = article.locator("table.counts tbody tr").first
        assert row.locator("td").all_inner_texts() == ["4", "4", "8"]


# --- tables sort ----------------------------------------------------------------------------------------------


def test_every_table_sorts_both_ways(opened):
    tables = opened().page.evaluate(SORTED_TABLES)
    assert len(tables) > 15
    n_numeric = 0
    for table in tables:
        if table["n"] < 2:
            continue
        for column, (up, down) in enumerate(table["clicks"]):
            if all(is_missing(row[column]) for row in up["rows"]):
                continue  # of players, for one
            assert up["sorting"][column] == "ascending", table["name"]
            assert down["sorting"][column] == "descending", table["name"]
            assert sum(sorting is not None for sorting in down["sorting"]) == 1
            assert sorted(map(tuple, up["rows"])) == sorted(map(tuple, down["rows"]))
            for rows, sign in ((up["rows"], 1), (down["rows"], -1)):
                texts = [" ".join(row[column].split()) for row in rows]
                known = [text for text in texts if not is_missing(text)]
                assert texts[: len(known)] == known, f"{table['name']}: what is missing is not last"
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
def test_cells_are_put_in_the_order_of_what_they_say(opened, page_file, tmp_path, cells, ascending):
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


# --- pictures open large --------------------------------------------------------------------------------------


def test_every_picture_opens_large_and_closes_by_keyboard(opened):
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


def test_a_large_picture_closes_by_its_button_and_opens_by_a_click_on_the_small_one(opened):
    page = opened(width=390, height=800).page
    page.locator("main figure img").first.click()
    assert page.locator("dialog").is_visible()
    page.get_by_role("button", name="Close").click()
    assert not page.locator("dialog").is_visible()
    assert page.locator("main .enlarge").first.evaluate("button => button === document.activeElement")


# --- for everybody --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_the_page_never_scrolls_sideways(opened, width):
    page = opened(width=width, height=800).page
    page.evaluate(OPEN_DETAILS)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_protocols_stand_side_by_side_on_a_desk_without_scrolling(opened):
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
def test_words_stand_out_from_what_is_behind_them(opened, scheme):
    page = opened(scheme=scheme).page
    page.evaluate(OPEN_DETAILS)
    found = page.evaluate(FAINT_WORDS)
    assert found["n"] > 500
    assert found["faint"] == []


def test_light_and_dark_are_a_choice_that_is_kept(opened):
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


def test_figures_have_a_light_plate_in_the_dark(opened):
    page = opened(scheme="dark").page
    plates = page.eval_on_selector_all(
        "figure img", "images => images.map(image => getComputedStyle(image).backgroundColor)"
    )
    assert set(plates) == {"rgb(255, 255, 255)"}


def test_every_control_picture_and_region_has_a_name(opened):
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


def test_there_are_landmarks_and_headings_skip_no_level(opened):
    page = opened().page
    assert [page.locator(f"body > {tag}").count() for tag in ("nav", "header", "main")] == [1, 1, 1]
    assert page.locator("html").get_attribute("lang") == "en"
    levels = page.eval_on_selector_all("h1, h2, h3, h4, h5", "all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@pytest.mark.parametrize("width", [390, 1280])
def test_a_keyboard_reaches_everything_in_the_order_it_stands_in(opened, width):
    page = opened(width=width).page
    page.evaluate(OPEN_DETAILS)
    page.wait_for_timeout(100)  # for regions to know whether they scroll
    n_stops = page.evaluate(STOPS)
    assert n_stops > 100
    reached = []
    for _ in range(6 * n_stops):  # a player has stops of its own
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop ?? null")
        if stop is None and reached and int(reached[-1]) == n_stops - 1:
            break
        if stop is not None and (not reached or reached[-1] != stop):
            reached.append(stop)
    assert [int(stop) for stop in reached[:n_stops]] == list(range(n_stops))


def test_the_first_stop_skips_to_the_findings_and_the_focus_is_seen(opened):
    page = opened().page
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Skip to the findings"
    assert skip.bounding_box()["x"] >= 0
    assert skip.evaluate("link => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.url.endswith("#findings")
    assert 0 <= page.locator("#findings h2").bounding_box()["y"] < 200


def test_the_sections_stay_in_reach_while_reading(opened):
    page = opened(width=390, height=800).page
    page.evaluate("document.getElementById('cost').scrollIntoView()")
    page.wait_for_function("document.querySelector('nav a[aria-current]')?.hash === '#cost'")
    assert page.locator("nav").bounding_box()["y"] == 0


def test_paper_has_neither_navigation_nor_buttons(opened):
    page = opened().page
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator(".enlarge:visible").count() == 0
    assert page.locator("#tables table").first.is_visible()
