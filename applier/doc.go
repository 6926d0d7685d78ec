// Package applier executes a plan: [Apply] sends what the plan's actions ask
// for, journals each intent before and each outcome after it, and reports.
//
// A failing action doesn't stop those that don't depend on it. A request whose
// outcome is unknown (a cut connection, a 5xx) is settled by reading, never by
// blind repetition; what can't be settled stays pending in the journal, and the
// next plan says so.
package applier
