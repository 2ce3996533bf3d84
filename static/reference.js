// Settings > API: every route of this server, from its own /openapi.json.

import { get, session } from "./api.js";
import { fill, h, hint, link } from "./dom.js";
import { textField } from "./fields.js";
import { count } from "./format.js";
import { Schemas } from "./schema.js";
import { KEY_PLACEHOLDER } from "./sending.js";
import { beginSettings } from "./settings.js";
import { curlSnippet } from "./snippet.js";
import { loader } from "./states.js";
import { table } from "./table.js";

const JSON_TYPE = "application/json";
// Of bodies that the document does not describe field by field.
const EXAMPLE_BODIES = {
  "/contacts/ingestion/v1": {
    contact_id: "contact-1",
    first_name: "Ada",
    location: { id: "my-location" },
  },
};

// Those of data and metrics stand before those of running the server.
const FIRST_NOUNS = [
  "events",
  "custom-events",
  "event-names",
  "contacts",
  "contact-fields",
  "locations",
  "metrics",
  "rejections",
];
const PROBLEM = { $ref: "#/components/schemas/Problem" };

/**
 * A route with one method.
 * @typedef {{path: string, method: string, noun: string, scope?: string, summary: string, parameters: object[],
 *   requestBody?: object, responses: object, takesKey: boolean}} Operation
 */

export function showReference(view) {
  const { box, load } = loader();
  const head = {
    title: "API",
    lead: "Whatever this page does, programs can do, too. These are all routes of this server.",
  };
  beginSettings(view, head, box);
  load(
    signal => get("/openapi.json", {}, signal),
    document => referenceOf(document),
  );
}

function referenceOf(document) {
  const schemas = new Schemas(document);
  const nouns = groupedByNoun(operationsOf(document)).map(
    ([noun, operations]) => new Noun(noun, operations, schemas),
  );
  const nothing = hint("No route matches.");
  const state = { filter: "" };
  const follow = () => {
    const isFound = nouns.map(noun => noun.filter(state.filter.toLowerCase())).includes(true);
    nothing.hidden = isFound;
  };
  nothing.hidden = true;
  return [
    h(
      "div.cards",
      textField("Filter", {
        state,
        name: "filter",
        changed: follow,
        type: "search",
        placeholder: "post, contacts, dry_run …",
      }),
    ),
    hint(
      "Times, pages, pointers and status codes are explained under ",
      link("Help: the API", "#/help/api"),
      ". The same for programs: ",
      link("/openapi.json", "/openapi.json"),
      ".",
    ),
    problemCard(schemas),
    nouns.map(({ element }) => element),
    nothing,
  ];
}

/** @returns {Operation[]} */
function operationsOf({ paths }) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({
      ...described,
      path,
      method: method.toUpperCase(),
      noun: path.split("/")[1],
      scope: described["x-scope"],
      takesKey: described.security.some(scheme => "key" in scheme),
    })),
  );
}

function groupedByNoun(operations) {
  const nouns = new Map(FIRST_NOUNS.map(noun => [noun, []]));
  for (const operation of operations) {
    nouns.set(operation.noun, [...(nouns.get(operation.noun) ?? []), operation]);
  }
  return [...nouns];
}

/** The routes of one noun, collapsed. */
class Noun {
  constructor(noun, operations, schemas) {
    this.sections = operations.map(operation => ({
      element: operationSection(operation, schemas),
      text: searchText(operation),
    }));
    this.element = h(
      "details.card.noun",
      h("summary", noun, " ", h("span.hint", count(operations.length, "route"))),
      this.sections.map(({ element }) => element),
    );
  }

  // Shows what contains a text, and opens; without a text all is shown, and closed. Returns whether anything is left.
  filter(text) {
    for (const section of this.sections) section.element.hidden = !section.text.includes(text);
    const isFound = this.sections.some(({ element }) => !element.hidden);
    this.element.hidden = !isFound;
    this.element.open = isFound && text !== "";
    return isFound;
  }
}

function searchText({ method, path, summary, description = "", scope = "", parameters }) {
  const names = parameters.map(({ name }) => name);
  return [method, path, summary, description, scope, ...names].join(" ").toLowerCase();
}

function operationSection(operation, schemas) {
  const { method, path, summary, description, scope } = operation;
  return h(
    "section.operation",
    { "data-operation": `${method} ${path}` },
    h("h2", h("span.badge", method), " ", h("code", path)),
    h("p", summary),
    description && h("p", description),
    hint(scope ? `Scope: ${scope}` : "No API key is needed."),
    parameterTable(operation, schemas),
    bodyTable(operation, schemas),
    h("h3", "Answers"),
    answers(operation, schemas),
    exampleCall(operation, schemas),
  );
}

// Parameters and bodies

const FIELD_COLUMNS = [
  { head: "Field", cell: ({ name }) => h("code", name) },
  { head: "Type", cell: "type" },
  { head: "Required", cell: ({ isRequired }) => (isRequired ? "required" : "optional") },
  { head: "Notes", cell: ({ notes }) => notes || "–" },
];
const ANSWER_COLUMNS = [
  ...FIELD_COLUMNS.slice(0, 2),
  {
    head: "Notes",
    cell: ({ isRequired, notes }) =>
      [!isRequired && "may be absent", notes].filter(Boolean).join("; ") || "–",
  },
];
const PARAMETER_COLUMNS = [{ ...FIELD_COLUMNS[0], head: "Parameter" }, ...FIELD_COLUMNS.slice(1)];

const queryOf = parameters => parameters.filter(parameter => parameter.in === "query");

function parameterTable({ method, path, parameters }, schemas) {
  const rows = queryOf(parameters).map(({ name, required, schema }) => ({
    name,
    type: schemas.typeOf(schema),
    isRequired: required,
    notes: schemas.notesOf(schema),
  }));
  if (!rows.length) return null;
  const caption = `Query parameters of ${method} ${path}`;
  return [h("h3", "Query parameters"), table(caption, PARAMETER_COLUMNS, rows)];
}

const isFile = ({ content }) => !(JSON_TYPE in content);

function bodyTable({ method, path, requestBody }, schemas) {
  if (!requestBody) return null;
  const types = Object.keys(requestBody.content).join(", ");
  if (isFile(requestBody)) return [h("h3", "Body"), hint(`A file: ${types}`)];
  const fields = schemas.fieldsOf(requestBody.content[JSON_TYPE].schema);
  return [
    h("h3", "Body"),
    hint(types),
    table(`Body of ${method} ${path}`, FIELD_COLUMNS, fields, hint("An object.")),
  ];
}

// Answers

/** The answer of every refusal, which all routes share. */
function problemCard(schemas) {
  const fields = schemas.fieldsOf(PROBLEM);
  return h(
    "details.card",
    h("summary", "Problem ", h("span.hint", "the answer of every refusal")),
    table("Problem", ANSWER_COLUMNS, fields),
  );
}

// Status codes with the same answer stand together.
function answers({ method, path, responses }, schemas) {
  const codesBySchema = new Map();
  for (const [code, { content }] of Object.entries(responses)) {
    const schema = Object.values(content).at(-1).schema;
    const key = JSON.stringify(schema);
    const codes = codesBySchema.get(key)?.codes ?? [];
    codesBySchema.set(key, { schema, codes: [...codes, code] });
  }
  return [...codesBySchema.values()].map(({ schema, codes }) => {
    const title = codes.join(", ");
    if (schema.$ref === PROBLEM.$ref) return hint(`${title}: a problem`);
    const fields = schemas.fieldsOf(schema);
    const nothing = hint("An object.");
    return collapsed([title, " ", h("span.hint", firstNames(fields))], () =>
      table(`Answer ${title} of ${method} ${path}`, ANSWER_COLUMNS, fields, nothing),
    );
  });
}

// Those that are not inside others.
const firstNames = fields =>
  fields
    .map(({ name }) => name)
    .filter(name => !/[.[]/.test(name))
    .join(", ");

// Makes its content when it is first opened: all of them together are thousands of rows.
function collapsed(summary, build) {
  const box = h("div");
  const ontoggle = () => {
    if (!box.firstChild) fill(box, build());
  };
  return h("details", { ontoggle }, h("summary", summary), box);
}

// Examples

function exampleCall(operation, schemas) {
  const { method, path, parameters, takesKey } = operation;
  const parts = Object.fromEntries(
    parameters
      .filter(parameter => parameter.in === "path")
      .map(({ name, schema }) => [name, schemas.exampleOf(schema, name)]),
  );
  const filledPath = path.replace(/\{(\w+)\}/g, (_, name) => parts[name]);
  const request = {
    url: session.address + filledPath + exampleQuery(operation, schemas),
    method,
    key: takesKey ? KEY_PLACEHOLDER : undefined,
    body: exampleBody(operation, schemas),
    file: operation.requestBody && isFile(operation.requestBody) ? "logo.png" : undefined,
  };
  return curlSnippet(request, `curl command for ${method} ${path}`);
}

// An example must delete and rename nothing: it only counts, and where it can it names a location.
function exampleQuery({ parameters }, schemas) {
  const query = queryOf(parameters);
  const hasDryRun = query.some(({ name }) => name === "dry_run");
  const example = new URLSearchParams();
  for (const { name, required, schema } of query) {
    const isNamed = required || (hasDryRun && name === "location_id");
    if (isNamed) example.set(name, schemas.exampleOf(schema, name));
  }
  if (hasDryRun) example.set("dry_run", "true");
  return example.size ? `?${example}` : "";
}

function exampleBody({ path, requestBody }, schemas) {
  if (path in EXAMPLE_BODIES) return EXAMPLE_BODIES[path];
  if (!requestBody || isFile(requestBody)) return undefined;
  const schema = schemas.resolve(requestBody.content[JSON_TYPE].schema);
  const isDescribed = schema.properties || schema.items;
  return isDescribed ? schemas.exampleOf(schema, null) : undefined;
}
