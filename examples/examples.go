// Package examples holds the CI recipes of this folder, for secretsync init to copy: there is one
// text of each, which the tests in package recipes run.
package examples

import "embed"

// Recipes are the recipes for a lockfile in the repository, by their paths in this folder.
//
//go:embed github/plan.yml github/apply.yml github/drift.yml github/validate.yml gitlab/.gitlab-ci.yml
var Recipes embed.FS
