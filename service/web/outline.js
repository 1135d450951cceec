// An outline (用地红线) that is drawn and then changed on the map: corners and sides are dragged, the whole is moved, all of it by keyboard, too.
// It may be an area, a line or a point; of several the one that is taken up is changed, the others stay beside it.

const NOTHING = { type: "FeatureCollection", features: [] };
const METRES_PER_DEGREE = 111320;
const REACH_PX = 12;
const CORNER_PX = 7;

const rounded = (corner) => corner.map((degrees) => Number(degrees.toFixed(8)));
const middle = ([west, south], [east, north]) => [(west + east) / 2, (south + north) / 2];

// How far a place of the screen is from a line, in pixels.
function toLine({ x, y }, line) {
  return Math.min(...line.slice(1).map(([toX, toY], each) => {
    const [fromX, fromY] = line[each];
    const [east, south] = [toX - fromX, toY - fromY];
    const share = Math.min(1, Math.max(0, ((x - fromX) * east + (y - fromY) * south) / (east ** 2 + south ** 2 || 1)));
    return Math.hypot(x - fromX - share * east, y - fromY - share * south);
  }));
}

// Whether a place of the screen lies within an area: in its outline, and in none of its holes.
function isWithin({ x, y }, rings) {
  const crossed = rings.flatMap((ring) => ring.map((from, each) => [from, ring[(each + 1) % ring.length]]))
    .filter(([[fromX, fromY], [toX, toY]]) => fromY > y !== toY > y && x < fromX + ((y - fromY) / (toY - fromY)) * (toX - fromX));
  return crossed.length % 2 === 1;
}

// A corner moved by metres east and north.
export function moved([longitude, latitude], east, north) {
  const across = METRES_PER_DEGREE * Math.cos((latitude * Math.PI) / 180);
  return rounded([longitude + east / across, latitude + north / METRES_PER_DEGREE]);
}

// `changed` hears of every change: the corners, and whether the outline is closed.
export function outlineOn(map, changed) {
  let corners = [];
  let kind = "area";
  let parts = [];
  let isClosed = false;
  let isDrawing = false;
  let held = null;

  map.addSource("outline-drawn", { type: "geojson", data: NOTHING });
  const add = (id, type, kinds, paint) => map.addLayer({ id, type, source: "outline-drawn", filter: ["in", ["get", "kind"], ["literal", kinds]], paint });
  add("outline-part", "fill", ["part"], { "fill-color": "#e4002b", "fill-opacity": 0.12 });
  add("outline-part-side", "line", ["part", "part-line"], { "line-color": "#e4002b", "line-width": 2, "line-dasharray": [3, 1] });
  add("outline-part-point", "circle", ["part-point"], { "circle-color": "#e4002b", "circle-radius": 5 });
  add("outline-fill", "fill", ["area"], { "fill-color": "#e4002b", "fill-opacity": 0.12 });
  add("outline-side", "line", ["area", "side"], { "line-color": "#e4002b", "line-width": 3 });
  add("outline-middle", "circle", ["middle"], { "circle-color": "#ffffff", "circle-radius": 5, "circle-stroke-color": "#e4002b", "circle-stroke-width": 2, "circle-opacity": 0.8 });
  add("outline-corner", "circle", ["corner"], { "circle-color": "#e4002b", "circle-radius": 7, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 });

  const feature = (kind, number, type, coordinates) => ({ type: "Feature", properties: { kind, number }, geometry: { type, coordinates } });
  const features = () => {
    const found = corners.map((corner, number) => feature("corner", number, "Point", corner));
    const name = { Polygon: "part", LineString: "part-line", Point: "part-point" };
    found.unshift(...parts.map((part, number) => feature(name[part.type], number, part.type, part.coordinates)));
    if (isClosed && kind === "area") {
      found.unshift(feature("area", 0, "Polygon", [[...corners, corners[0]]]));
      found.splice(1, 0, ...corners.map((corner, number) => feature("middle", number, "Point", middle(corner, corners[(number + 1) % corners.length]))));
    } else if (corners.length > 1) {
      found.unshift(feature("side", 0, "LineString", corners));
      if (isClosed) found.splice(1, 0, ...corners.slice(1).map((corner, number) => feature("middle", number, "Point", middle(corners[number], corner))));
    }
    return found;
  };
  const draw = () => {
    map.getSource("outline-drawn").setData({ type: "FeatureCollection", features: features() });
    map.getCanvas().style.cursor = isDrawing ? "crosshair" : "";
    changed({ corners: [...corners], isClosed, isDrawing, kind, parts: parts.length });
  };
  const LEAST = { area: 3, line: 2, point: 1 };
  const WORDS = { area: "至少要三个角点。 An area has three corners at least.", line: "至少要两个点。 A line has two points at least.", point: "先点击一处。 Click a place first." };
  const own = () => (!isClosed ? null : kind === "area" ? { type: "Polygon", coordinates: [[...corners, corners[0]]] } : kind === "line" ? { type: "LineString", coordinates: corners } : { type: "Point", coordinates: corners[0] });
  const close = () => {
    if (corners.length < LEAST[kind]) throw new Error(WORDS[kind]);
    isDrawing = false;
    isClosed = true;
    draw();
  };
  // What lies under a place of the screen, by the corners themselves: what is drawn follows them only when the map comes to it.
  const under = (point) => {
    const onScreen = (places) => places.map((each) => { const { x, y } = map.project(each); return [x, y]; });
    const nearest = (found, reach) => {
      const [distance, number] = found.map((place, each) => [Math.hypot(place[0] - point.x, place[1] - point.y), each]).toSorted(([one], [other]) => one - other)[0] ?? [Infinity];
      return distance <= reach ? number : null;
    };
    const own = onScreen(corners);
    const next = (each) => own[(each + 1) % own.length];
    const corner = nearest(own, REACH_PX + CORNER_PX);
    if (corner !== null) return { kind: "corner", number: corner };
    if (isClosed && kind !== "point") {
      const side = nearest((kind === "area" ? own : own.slice(1)).map((place, each) => (kind === "area" ? middle(place, next(each)) : middle(own[each], place))), REACH_PX + CORNER_PX);
      if (side !== null) return { kind: "middle", number: side };
      if (kind === "line" && toLine(point, own) <= REACH_PX) return { kind: "side", number: 0 };
      if (kind === "area" && isWithin(point, [own])) return { kind: "area", number: 0 };
    }
    const number = parts.findLastIndex(({ type, coordinates }) => {
      if (type === "Point") return nearest(onScreen([coordinates]), REACH_PX + CORNER_PX) !== null;
      const rings = (type === "Polygon" ? coordinates : [coordinates]).map(onScreen);
      return rings.some((ring) => toLine(point, ring) <= REACH_PX) || (type === "Polygon" && isWithin(point, rings));
    });
    return number < 0 ? undefined : { kind: "part", number };
  };
  const hold = (shape) => {
    kind = { Polygon: "area", LineString: "line", Point: "point" }[shape.type];
    corners = (kind === "area" ? shape.coordinates[0].slice(0, -1) : kind === "line" ? shape.coordinates : [shape.coordinates]).map(rounded);
    isClosed = true;
    isDrawing = false;
  };
  const isPlain = ({ type, coordinates }) => type !== "Polygon" || coordinates.length === 1;
  // Another shape is taken up to be changed; the one in hand takes its place at the end.
  const takeUp = (number) => {
    const [shape] = parts.splice(number, 1);
    parts.push(own());
    hold(shape);
    draw();
  };

  map.on("click", ({ lngLat, point }) => {
    if (!isDrawing) return;
    const first = kind === "area" && corners.length > 2 && under(point);
    if (first?.kind === "corner" && first.number === 0) { close(); return; }
    const corner = rounded([lngLat.lng, lngLat.lat]);
    // The second click of a double click is no corner of its own.
    if (String(corners.at(-1)) !== String(corner)) corners.push(corner);
    if (kind === "point") close();
    else draw();
  });
  map.on("dblclick", (event) => {
    if (!isDrawing && under(event.point)?.kind !== "corner") return;
    event.preventDefault();
    if (!isDrawing && corners.length > LEAST[kind]) {
      corners.splice(under(event.point).number, 1);
      draw();
    }
  });

  const take = (event) => {
    if (!isClosed || event.originalEvent.touches?.length > 1) return;
    let hit = under(event.point);
    if (!hit) return;
    event.preventDefault();
    if (hit.kind === "part") {
      if (!isPlain(parts[hit.number])) return; // one with a hole cannot be changed here
      takeUp(hit.number);
      hit = kind === "point" ? { kind: "corner", number: 0 } : { kind: "area" };
    }
    if (hit.kind === "middle") corners.splice(hit.number + 1, 0, rounded([event.lngLat.lng, event.lngLat.lat]));
    held = { kind: hit.kind, number: hit.kind === "middle" ? hit.number + 1 : hit.number, from: event.lngLat, corners: [...corners] };
  };
  const drag = ({ lngLat }) => {
    if (held === null) return;
    const [east, north] = [lngLat.lng - held.from.lng, lngLat.lat - held.from.lat];
    if (held.kind === "area" || held.kind === "side") corners = held.corners.map(([x, y]) => rounded([x + east, y + north]));
    else corners[held.number] = rounded([lngLat.lng, lngLat.lat]);
    draw();
  };
  const letGo = () => { held = null; };
  for (const [began, goes, ends] of [["mousedown", "mousemove", "mouseup"], ["touchstart", "touchmove", "touchend"]]) {
    map.on(began, take);
    map.on(goes, drag);
    map.on(ends, letGo);
  }
  window.addEventListener("mouseup", letGo);

  return {
    // All that is drawn, null while the one in hand is not finished; several as GeoJSON knows them together.
    get shape() {
      const mine = own();
      if (mine === null || parts.length === 0) return mine;
      return { type: "FeatureCollection", features: [...parts, mine].map((geometry) => ({ type: "Feature", properties: {}, geometry })) };
    },
    // `another` keeps what is drawn.
    begin({ of = "area", another = false } = {}) {
      parts = another && own() ? [...parts, own()] : [];
      kind = of;
      corners = [];
      isClosed = false;
      isDrawing = true;
      draw();
    },
    close,
    // What is being drawn is given up; what was drawn before stays.
    giveUp() {
      const number = parts.findLastIndex(isPlain);
      if (number < 0) { this.clear(); return; }
      hold(parts.splice(number, 1)[0]);
      draw();
    },
    clear() { parts = []; kind = "area"; corners = []; isClosed = false; isDrawing = false; draw(); },
    // Shapes of a file: the last one is in hand.
    show(shapes) {
      parts = shapes.slice(0, -1);
      hold(shapes.at(-1));
      draw();
    },
    // The next shape that can be changed, for those without a pointer; the way round leads to all of them.
    takeNext() {
      const number = parts.findIndex(isPlain);
      if (number >= 0) takeUp(number);
    },
    addAt(corner) { corners.push(rounded(corner)); if (kind === "point") close(); else draw(); },
    undo() { corners.pop(); draw(); },
    remove(number) {
      if (isClosed && corners.length <= LEAST[kind]) throw new Error(WORDS[kind]);
      corners.splice(number, 1);
      draw();
    },
    // By metres: one corner, or with null all of them.
    move(number, east, north) {
      corners = corners.map((corner, each) => (number === null || number === each ? moved(corner, east, north) : corner));
      draw();
    },
  };
}
