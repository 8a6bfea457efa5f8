// Starts Swagger UI on the API's document.
"use strict";

SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  // The token is dropped when the page is closed.
  persistAuthorization: false,
  // Nothing is sent to a validator on another host.
  validatorUrl: null,
});
