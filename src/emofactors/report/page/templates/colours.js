"use strict";
// Before anything is drawn: the colours the reader has chosen, else those of the system. A browser may keep nothing.
const chosenColours = {
  get() { try { return localStorage.getItem("emofactors-colours"); } catch { return null; } },
  set(value) { try { localStorage.setItem("emofactors-colours", value); } catch { /* this page alone, then */ } },
};
if (["light", "dark"].includes(chosenColours.get())) document.documentElement.dataset.colours = chosenColours.get();
