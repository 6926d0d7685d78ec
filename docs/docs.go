// Package docs has the pages that the program itself reads.
package docs

import _ "embed"

// Troubleshooting is troubleshooting.md. Package internal/troubleshooting finds messages in it.
//
//go:embed troubleshooting.md
var Troubleshooting string
