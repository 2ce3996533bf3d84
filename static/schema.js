// Reads the JSON Schemas of an OpenAPI document: their fields as rows, their types as words, and examples of them.

const REFERENCE = "#/components/schemas/";

/** The schemas of an OpenAPI document. */
export class Schemas {
  constructor(document) {
    this.byName = document.components.schemas;
  }

  // The schema itself, behind a reference and without the null that a field may be left out as.
  resolve(schema) {
    if (schema.$ref) return this.byName[schema.$ref.slice(REFERENCE.length)];
    const [only, ...others] = variantsOf(schema).filter(isNotNull);
    return only && !others.length ? this.resolve(only) : schema;
  }

  /** A type in words, such as "list of texts" or "account, contact". */
  typeOf(schema) {
    const resolved = this.resolve(schema);
    if (resolved.const !== undefined) return JSON.stringify(resolved.const);
    if (resolved.enum) return resolved.enum.map(value => JSON.stringify(value)).join(", ");
    const variants = variantsOf(resolved).filter(isNotNull);
    if (variants.length)
      return [...new Set(variants.map(variant => this.typeOf(variant)))].join(" or ");
    if (resolved.type === "array") return this.listType(resolved.items ?? {});
    if (resolved.format === "date-time") return "time";
    return TYPES[resolved.type] ?? "anything";
  }

  listType(items) {
    const type = this.typeOf(items);
    return TYPES_PLURAL[type] ? `list of ${TYPES_PLURAL[type]}` : `list of: ${type}`;
  }

  /**
   * All fields, also those of objects inside, under names such as terms[].key.
   * @returns {{name: string, type: string, isRequired: boolean, notes: string}[]}
   */
  fieldsOf(schema, prefix = "", ancestors = []) {
    const resolved = this.resolve(schema);
    if (ancestors.includes(resolved)) return []; // groups contain groups
    const inside = [...ancestors, resolved];
    const variants = variantsOf(resolved).filter(isNotNull);
    if (variants.length) {
      return variants.flatMap(variant => this.fieldsOf(variant, prefix, inside));
    }
    if (resolved.type === "array") {
      return this.fieldsOf(resolved.items ?? {}, `${prefix}[]`, inside);
    }
    const required = resolved.required ?? [];
    return Object.entries(resolved.properties ?? {}).flatMap(([key, field]) => {
      const name = prefix ? `${prefix}.${key}` : key;
      return [
        {
          name,
          type: this.typeOf(field),
          isRequired: required.includes(key),
          notes: this.notesOf(field),
        },
        ...this.fieldsOf(field, name, inside),
      ];
    });
  }

  // Its limits and default, as far as they say more than its type. @returns {string}
  notesOf(field) {
    const schema = this.resolve(field);
    const { minimum, maximum, maxLength, maxItems, pattern } = schema;
    const notes = [field.$ref ? null : (schema.description ?? field.description)];
    if (minimum !== undefined && maximum !== undefined) notes.push(`${minimum} to ${maximum}`);
    if (maxLength) notes.push(`at most ${maxLength} characters`);
    if (maxItems) notes.push(`at most ${maxItems}`);
    if (pattern) notes.push(`matches ${pattern}`);
    const { default: value } = field;
    if (value !== undefined && value !== null) notes.push(`default ${JSON.stringify(value)}`);
    return notes.filter(Boolean).join("; ");
  }

  /** A value that the schema allows: of an object the required fields, or the first one where none is. */
  exampleOf(schema, name) {
    if (name in EXAMPLES) return EXAMPLES[name];
    const resolved = this.resolve(schema);
    const [variant] = variantsOf(resolved).filter(isNotNull);
    if (variant) return this.exampleOf(variant, name);
    if (resolved.const !== undefined) return resolved.const;
    if (resolved.enum) return schema.default ?? resolved.enum[0];
    if (resolved.type === "array") return [this.exampleOf(resolved.items ?? {}, null)];
    if (resolved.type === "object") return this.exampleObject(resolved);
    if (resolved.type === "boolean") return resolved.default ?? true;
    if (resolved.type === "integer" || resolved.type === "number") return resolved.minimum ?? 1;
    return FORMATS[resolved.format] ?? "text";
  }

  exampleObject({ properties = {}, required = [] }) {
    const keys = required.length ? required : Object.keys(properties).slice(0, 1);
    return Object.fromEntries(keys.map(key => [key, this.exampleOf(properties[key], key)]));
  }
}

// Values that say more than their type, by the names of fields and parameters.
const EXAMPLES = {
  event_name: "Offer Made",
  event: "Offer Made",
  new_name: "Offer Sent",
  location_id: "my-location",
  contact_id: "contact-1",
  distinct_id: "offer-1",
  name: "My name",
  key: "A",
  term: "A",
  for: "1d",
  recipients: [{ mail: ["ann@example.com"] }],
};

const FORMATS = { email: "ann@example.com" };

const TYPES = {
  string: "text",
  integer: "whole number",
  number: "number",
  boolean: "true or false",
  object: "object",
};
const TYPES_PLURAL = { text: "texts", number: "numbers", object: "objects" };

const variantsOf = schema => schema.anyOf ?? schema.oneOf ?? [];
const isNotNull = ({ type }) => type !== "null";
