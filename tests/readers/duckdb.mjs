// Runs SQL with DuckDB: node duckdb.mjs MODULES STATEMENT... prints the rows of the last as JSON.
import { createRequire } from "node:module";

const [modules, ...statements] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(`${modules}/`)("@duckdb/node-api");
const connection = await (await DuckDBInstance.create(":memory:")).connect();
let reader;
for (const statement of statements) {
  reader = await connection.runAndReadAll(statement);
}
console.log(JSON.stringify(reader.getRowsJson()));
