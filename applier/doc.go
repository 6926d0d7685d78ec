// Package applier executes a plan. [Apply] sends the requests of the plan's actions to
// the accounts, and journals each intent before its request and each outcome after it.
//
// An action that fails does not stop the actions that do not depend on it. After a request
// with an unknown outcome (the connection broke, or the answer was a 5xx), the applier reads
// the account to find out; it never just repeats the request. What it cannot find out stays
// pending in the journal, and the next plan settles it.
package applier
