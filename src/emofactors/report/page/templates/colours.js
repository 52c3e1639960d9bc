"use strict";
// Runs before anything is drawn: the colours the reader has chosen, else those of the system. A browser may store nothing.
const chosenColours = {
  get() { try { return localStorage.getItem("emofactors-colours"); } catch { return null; } },
  set(value) { try { localStorage.setItem("emofactors-colours", value); } catch { /* the choice holds until the page is closed */ } },
};
if (["light", "dark"].includes(chosenColours.get())) document.documentElement.dataset.colours = chosenColours.get();
