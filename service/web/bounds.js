// Where maps look: around a shape, or around the city.

export function boundsOf(geometry) {
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (coordinates) => {
    if (typeof coordinates[0] !== "number") {
      coordinates.forEach(visit);
      return;
    }
    bounds[0] = Math.min(bounds[0], coordinates[0]);
    bounds[1] = Math.min(bounds[1], coordinates[1]);
    bounds[2] = Math.max(bounds[2], coordinates[0]);
    bounds[3] = Math.max(bounds[3], coordinates[1]);
  };
  visit(geometry.coordinates);
  return bounds;
}

// A profile without a boundary only knows where its CRS is used, which may be half a country.
export function boundsToShow(city, style) {
  const drawn = style.sources.blueprint?.bounds;
  if (!drawn) return city.bounds;
  const [width, height] = [city.bounds[2] - city.bounds[0], city.bounds[3] - city.bounds[1]];
  const isLost = drawn[2] - drawn[0] < width / 4 && drawn[3] - drawn[1] < height / 4;
  return isLost ? drawn : city.bounds;
}
