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
//
// Package connect has what a [Config] needs for Cloudflare and SOPS, and package
// secretsynctest has an emulator of Cloudflare's API for tests.
//
// # Compatibility
//
// The public packages follow semantic versioning. Before version 1.0.0, a minor version may
// change their API, and the changelog then says how to adapt. Any version may
//
//   - change the texts of errors: use [errors.Is] and [errors.As];
//   - send other requests to Cloudflare, or in another order;
//   - add fields to structs: name the fields in composite literals;
//   - add types of [Event], and kinds of actions, reasons, notes, problems and drift: handle
//     unknown ones.
//
// The interfaces that callers implement ([API], [Account], [SOPS] and [Guard]) count as API:
// a method is added to them only where the API may change. Files have format versions of
// their own: a lockfile of a newer version is refused, and so is a plan file of any other.
//
// If you need something that the public packages cannot do, open an issue at
// https://github.com/secretsync/secretsync/issues before depending on behaviour that is
// not documented.
package reconcile
