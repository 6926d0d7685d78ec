package planfile

import _ "embed"

// Schema is the JSON Schema of plan files, generated from [File] by
// go test ./planner/planfile -update.
//
//go:embed plan.schema.json
var Schema []byte
