// The same reads and the same insert in Node at their best: Fastify, pg, named prepared statements, compiled
// serializers. A bearer token is verified once and then remembered by its text. There is nothing else: no session
// check, limits, ids, log, metrics, ETags or error documents.

import { createHmac, randomFillSync, timingSafeEqual } from "node:crypto";
import fastify from "fastify";
import pg from "pg";

const COLUMNS =
  "id, team_id, project_id, parent_id, title, description, status, priority, due_date, assignee_id, tags, position," +
  " external_id, created_by, version, created_at, updated_at, completed_at";
const GET = `SELECT ${COLUMNS} FROM todos WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL`;
const PAGE =
  `SELECT ${COLUMNS} FROM todos WHERE team_id = $1 AND deleted_at IS NULL` +
  " ORDER BY created_at DESC, id DESC LIMIT $2";
const CREATE = `INSERT INTO todos (team_id, id, title, created_by) VALUES ($1, $2, $3, $4) RETURNING ${COLUMNS}`;
const SECRET = process.env.SECRET_KEY;

// Dates and times go out as PostgreSQL writes them: a Date object would be parsed only to be printed again.
const { builtins } = pg.types;
pg.types.setTypeParser(builtins.DATE, (text) => text);
pg.types.setTypeParser(builtins.TIMESTAMPTZ, (text) => `${text.replace(" ", "T").slice(0, -3)}Z`);
pg.types.setTypeParser(builtins.INT8, Number);

const address = new URL(process.env.DATABASE_URL.replace("@/", "@localhost/"));
const size = Number(process.env.DB_POOL_SIZE);
const pool = new pg.Pool({
  host: address.searchParams.get("host") ?? address.hostname,
  port: Number(address.port || 5432),
  user: address.username,
  password: decodeURIComponent(address.password),
  database: address.pathname.slice(1),
  min: size,
  max: size,
  idleTimeoutMillis: 0,
  options: "-c jit=off -c timezone=UTC",
});

const text = { type: "string" };
const textOrNull = { type: ["string", "null"] };
const todo = {
  type: "object",
  properties: {
    id: text,
    team_id: text,
    project_id: textOrNull,
    parent_id: textOrNull,
    title: text,
    description: text,
    status: text,
    priority: { type: "integer" },
    due_date: textOrNull,
    assignee_id: textOrNull,
    tags: { type: "array", items: text },
    position: { type: "number" },
    external_id: textOrNull,
    created_by: textOrNull,
    version: { type: "integer" },
    created_at: text,
    updated_at: text,
    completed_at: textOrNull,
  },
};
const page = { type: "object", properties: { items: { type: "array", items: todo } } };
const draft = {
  type: "object",
  required: ["title"],
  properties: { title: { type: "string", minLength: 1, maxLength: 200 } },
};
const callers = new Map();

function verified(header) {
  const [head, claims, signature] = (header ?? "").replace("Bearer ", "").split(".");
  if (!signature || JSON.parse(Buffer.from(head, "base64url")).alg !== "HS256") return undefined;
  const expected = createHmac("sha256", SECRET).update(`${head}.${claims}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
  const { sub, team, exp } = JSON.parse(Buffer.from(claims, "base64url"));
  if (exp * 1000 < Date.now()) return undefined;
  const caller = { userId: sub, teamId: team };
  callers.set(header, caller);
  return caller;
}

// UUID version 7 (RFC 9562 section 5.7), from a pool of random bytes: asking the kernel for each costs more than the rest.
const randomness = Buffer.alloc(8192);
let used = randomness.length;
function uuid7() {
  if (used === randomness.length) {
    randomFillSync(randomness);
    used = 0;
  }
  const moment = Date.now().toString(16).padStart(12, "0");
  const random = randomness.toString("hex", used, (used += 16));
  const variant = ((parseInt(random[3], 16) & 3) | 8).toString(16);
  return `${moment.slice(0, 8)}-${moment.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}

const app = fastify({ logger: false });
app.decorateRequest("caller", null);
app.addHook("onRequest", (request, reply, done) => {
  const header = request.headers.authorization;
  request.caller = callers.get(header) ?? verified(header);
  if (request.caller === undefined) reply.code(401).send({});
  else done();
});

app.get("/todos/:id", { schema: { response: { 200: todo } } }, async (request, reply) => {
  const { rows } = await pool.query({ name: "get", text: GET, values: [request.caller.teamId, request.params.id] });
  return rows.length ? rows[0] : reply.code(404).send({});
});
app.get("/todos", { schema: { response: { 200: page } } }, async (request) => {
  const limit = Number(request.query.limit ?? 20);
  const { rows } = await pool.query({ name: "page", text: PAGE, values: [request.caller.teamId, limit] });
  return { items: rows };
});
app.post("/todos", { schema: { body: draft, response: { 201: todo } } }, async (request, reply) => {
  const { teamId, userId } = request.caller;
  const values = [teamId, uuid7(), request.body.title, userId];
  const { rows } = await pool.query({ name: "create", text: CREATE, values });
  reply.code(201);
  return rows[0];
});

await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
process.once("SIGTERM", async () => {
  await app.close();
  await pool.end();
});
