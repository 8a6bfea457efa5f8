// Starts Swagger UI on the API's document.
"use strict";

SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  tryItOutEnabled: true,
  // A token lives as long as the page does.
  persistAuthorization: false,
  // Nothing is sent to a validator on another host.
  validatorUrl: null,
});
