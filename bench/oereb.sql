-- The smallest data with which pyramid_oereb answers an extract: tables made by its own scripts, everything once, a
-- restriction for every polygon. The geometries are copied in between the two parts.

-- name: main
INSERT INTO pyramid_oereb_main.municipality (fosnr, name, published, geom) VALUES (1, 'Benchmark', true, NULL);

INSERT INTO pyramid_oereb_main.office (id, name) VALUES ('1', '{"de": "Benchmark office"}');

INSERT INTO pyramid_oereb_main.theme (id, code, title, extract_index)
VALUES ('1', 'ch.Benchmark', '{"de": "Planned use"}', 1);

INSERT INTO pyramid_oereb_main.logo (id, code, logo)
SELECT code, code, json_build_object('de', :symbol) FROM unnest(ARRAY['ch', 'ch.plr', 'canton', 'ch.1']) AS code;

INSERT INTO pyramid_oereb_main.real_estate_type (id, code, title) VALUES ('1', 'Parcel', '{"de": "Parcel"}');

INSERT INTO pyramid_oereb_main.law_status (code, title) VALUES ('inForce', '{"de": "in force"}');

INSERT INTO pyramid_oereb_main.document_types (code, title) VALUES ('Law', '{"de": "Law"}');

INSERT INTO pyramid_oereb_main.document (
    id, document_type, index, law_status, title, office_id, published_from, text_at_web
)
VALUES (
    '1', 'Law', 1, 'inForce', '{"de": "Law on planned use"}', '1', :published_from, '{"de": "http://127.0.0.1/law"}'
);

INSERT INTO pyramid_oereb_main.theme_document (theme_id, document_id, article_numbers) VALUES ('1', '1', NULL);

INSERT INTO pyramid_oereb_main.glossary (id, title, content) VALUES ('1', '{"de": "Word"}', '{"de": "Meaning"}');

INSERT INTO pyramid_oereb_main.disclaimer (id, title, content, extract_index)
VALUES ('1', '{"de": "Liability"}', '{"de": "None"}', 1);

INSERT INTO pyramid_oereb_main.general_information (id, title, content, extract_index)
VALUES ('1', '{"de": "About"}', '{"de": "This extract"}', 1);

INSERT INTO theme.office (id, name) VALUES (1, '{"de": "Benchmark office"}');

INSERT INTO theme.view_service (id, reference_wms, layer_index, layer_opacity)
VALUES (1, '{"de": "http://127.0.0.1/wms?SERVICE=WMS&REQUEST=GetMap&VERSION=1.3.0"}', 1, 1.0);

INSERT INTO theme.legend_entry (
    id, symbol, legend_text, type_code, type_code_list, theme, view_service_id
)
VALUES (1, :symbol, '{"de": "Planned use"}', 'PLANNED', 'http://127.0.0.1/codes', 'ch.Benchmark', 1);

INSERT INTO theme.public_law_restriction (
    id, law_status, published_from, view_service_id, office_id, legend_entry_id
)
SELECT number, 'inForce', :published_from, 1, 1, 1 FROM generate_series(1, :polygons) AS number;

-- name: indexes
CREATE INDEX ON theme.geometry USING gist (geom);

CREATE INDEX ON theme.geometry (public_law_restriction_id);

CREATE INDEX ON pyramid_oereb_main.real_estate (egrid);

-- name: parcel
INSERT INTO pyramid_oereb_main.real_estate (
    id, egrid, number, identdn, type, canton, municipality, fosnr, land_registry_area, "limit"
)
VALUES (
    :id, :egrid, :egrid, 'benchmark', 'Parcel', 'BE', 'Benchmark', 1, round(ST_Area(ST_GeomFromWKB(:site))),
    ST_SetSRID(ST_GeomFromWKB(:site), :srid)
)
