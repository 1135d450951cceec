// Swagger UI over our own OpenAPI document; nothing is fetched from elsewhere.
window.SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
