// Converts a JSON Schema of pydantic into the fields of a form. Renders nothing.

/**
 * The fields of a form, each `{kind, pointer, name, title, help, isRequired, isNullable, initial, …}`.
 * `kind` is text, longtext, number, integer, boolean, choice, object (with `fields`), pairs (names with texts),
 * list (of texts), or json for all other schemas.
 */
export function fieldsOf(schema, definitions = schema.$defs ?? {}, pointer = "") {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    fieldOf(property, definitions, { name, pointer: `${pointer}/${escaped(name)}`, isRequired: required.has(name) }));
}

function fieldOf(property, definitions, place) {
  const { schema, isNullable } = resolved(property, definitions);
  const field = {
    ...place,
    isNullable,
    title: place.name,
    help: property.description ?? schema.description ?? limitsOf(schema),
    initial: property.default,
    schema,
  };
  const kind = kindOf(schema);
  if (kind === "object") return { ...field, kind, fields: fieldsOf(schema, definitions, place.pointer) };
  if (kind === "choice") return { ...field, kind, choices: schema.enum ?? [schema.const] };
  return { ...field, kind };
}

/** A schema without its references and without its null. */
function resolved(property, definitions) {
  if (property.$ref) return resolved(definitions[property.$ref.split("/").at(-1)], definitions);
  const options = property.anyOf ?? property.oneOf;
  if (!options) return { schema: property, isNullable: false };
  const rest = options.filter((option) => option.type !== "null");
  const isNullable = rest.length < options.length;
  return rest.length === 1 ? { ...resolved(rest[0], definitions), isNullable } : { schema: {}, isNullable };
}

function kindOf(schema) {
  if (schema.enum || "const" in schema) return "choice";
  if (schema.type === "string") return (schema.maxLength ?? Infinity) > 10_000 && !schema.format ? "longtext" : "text";
  if (["number", "integer", "boolean"].includes(schema.type)) return schema.type;
  if (schema.type === "array" && schema.items?.type === "string") return "list";
  if (schema.type === "object" && schema.properties) return "object";
  if (schema.type === "object" && schema.additionalProperties?.type === "string") return "pairs";
  return "json";
}

function limitsOf(schema) {
  const [low, high] = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return `${schema.exclusiveMinimum === low ? "more than" : "at least"} ${low}`;
  return high === undefined ? undefined : `at most ${high}`;
}

/** The first content of the form, as text. */
export function initialOf(fields) {
  return Object.fromEntries(fields.map((field) => [field.name, initialTextOf(field)]));
}

function initialTextOf(field) {
  const { kind, initial } = field;
  if (kind === "object") return initialOf(field.fields);
  if (kind === "boolean") return initial ?? false;
  if (initial === undefined || initial === null) return "";
  if (kind === "json") return JSON.stringify(initial, null, 2);
  if (kind === "pairs") return Object.entries(initial).map(([name, value]) => `${name}: ${value}`).join("\n");
  if (kind === "list") return initial.join("\n");
  return String(initial);
}

/**
 * The JSON of the texts in a form. Unchanged fields are left out, so the defaults of the service apply.
 * Throws `FieldProblem` for invalid JSON; the service validates all else.
 */
export function valueOf(fields, typed) {
  const entries = fields.map((field) => [field.name, valueOfField(field, typed[field.name])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function valueOfField(field, typed) {
  if (field.kind === "object") {
    const value = valueOf(field.fields, typed);
    return Object.keys(value).length || field.isRequired ? value : undefined;
  }
  if (field.kind === "boolean") return typed === (field.initial ?? false) && !field.isRequired ? undefined : typed;
  if (typed === "" && !(field.isRequired && field.kind === "text")) return undefined;
  if (typed === initialTextOf(field) && field.initial !== undefined) return undefined;
  return read(field, typed);
}

function read(field, typed) {
  switch (field.kind) {
    case "number":
    case "integer":
      return Number.isNaN(Number(typed)) ? typed : Number(typed);
    case "choice":
      return field.choices.find((choice) => String(choice) === typed);
    case "list":
      return lines(typed);
    case "pairs":
      return Object.fromEntries(lines(typed).map((line) => line.split(/:\s*(.*)/s, 2)));
    case "json":
      try {
        return JSON.parse(typed);
      } catch (error) {
        throw new FieldProblem(field.pointer, `This is not JSON: ${error.message}`);
      }
    default:
      return typed;
  }
}

/** The error of one field. */
export class FieldProblem extends Error {
  constructor(pointer, message) {
    super(message);
    this.pointer = pointer;
  }
}

/** The errors by field: the deepest field whose pointer contains that of the error; other errors under "". */
export function errorsByField(errors, pointers) {
  const byField = {};
  for (const { pointer, message } of errors) {
    const owners = pointers.filter((each) => pointer === each || pointer.startsWith(`${each}/`));
    const owner = owners.sort((one, other) => other.length - one.length)[0] ?? "";
    const rest = pointer.slice(owner.length);
    const where = /^\/\d+$/.test(rest) ? `line ${Number(rest.slice(1)) + 1}` : rest;
    (byField[owner] ??= []).push(where ? `${where}: ${message}` : message);
  }
  return byField;
}

/** The pointers of all fields, with those within objects. */
export function pointersOf(fields) {
  return fields.flatMap((field) => [field.pointer, ...(field.kind === "object" ? pointersOf(field.fields) : [])]);
}

const escaped = (name) => name.replaceAll("~", "~0").replaceAll("/", "~1");
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
