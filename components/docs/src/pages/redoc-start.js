// Starts ReDoc on the API's document, with fonts of the reader's system.
"use strict";

Redoc.init(
  "/api/openapi.json",
  {
    expandResponses: "200,201",
    theme: {
      typography: {
        fontFamily: "system-ui, sans-serif",
        headings: { fontFamily: "system-ui, sans-serif" },
        code: { fontFamily: "ui-monospace, monospace" },
      },
    },
  },
  document.getElementById("redoc"),
);
