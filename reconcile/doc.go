// Package reconcile makes Cloudflare's Secrets Store match a manifest. It has no terminal,
// no flags and no exit codes: a command line, a controller or a test can drive it.
//
// The main flow is
//
//	project, err := reconcile.Open(ctx, config) // the manifest and its includes; no value, no request
//	run, err := project.Lock(ctx)               // no other apply runs at the same time
//	proposal, err := run.Plan(ctx)              // values, fingerprints, live state, planner.Build
//	report, err := run.Apply(ctx, proposal)     // the writes, journaled in the lockfile
//
// [Project.Plan] is the same plan without the lock, for review; only a [Run] can apply one.
// [Project.Drift] compares the live state with the lockfile, without values.
//
// Three versions of every secret meet here: the desired one (package manifest), the one
// that was last applied (package lockfile) and the live one ([API]). Package planner
// decides on them and package applier executes the decision. This package reads the three,
// translates between those packages, and is the only one that holds values and plans at
// once.
package reconcile
