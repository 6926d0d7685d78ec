// Package planfile saves plans for review. It has the JSON format of plan files, the id that a
// reviewer can quote, and the rules by which a reviewed plan covers a later one.
//
// Call [New] to save a plan, [Parse] to read one, and [Compare] before applying one.
//
// A plan file holds no values: it has no field for one. A value is identified by the digest of
// its ciphertext if it has one, else by a digest with the fingerprint key, else not at all
// ([Unverified]).
package planfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// SchemaVersion is the version of the format that this package reads and writes. It also changes
// when a plan of an older version would mean something else now.
const SchemaVersion = 1

// Unverified is the [planner.Action.ValueID] of a value that nothing identifies: the review
// covers its source only.
const Unverified = "unverified"

// File is a plan file. The same plan of the same commit in the same CI job gives the same bytes.
type File struct {
	// SchemaVersion is the version of the file's format.
	SchemaVersion int `json:"schema_version"`
	// PlanID is [ID] of the plan.
	PlanID string `json:"plan_id" jsonschema:"pattern=^[0-9a-f]{64}([0-9a-f]{32})*$"`
	// Summary counts the actions.
	Summary Summary `json:"summary"`
	// Actions are in the order in which they are carried out.
	Actions []Action `json:"actions"`
	// Warnings are worth knowing and change nothing.
	Warnings []Warning `json:"warnings"`
	// Problems forbid applying the plan.
	Problems []Problem `json:"problems"`
	// Inputs are what the plan was made from.
	Inputs Inputs `json:"inputs"`
	// Digest covers everything above, so that an edited file is noticed. It is not a
	// signature: before a plan is applied, it is compared with a new one.
	Digest string `json:"digest" jsonschema:"pattern=^sha256:[0-9a-f]{64}$"`
}

// Summary counts the actions by what they do.
type Summary struct {
	// CreateStore counts the stores to create.
	CreateStore int `json:"create_store"`
	// Create counts the secrets to create.
	Create int `json:"create"`
	// Rename counts the secrets to rename.
	Rename int `json:"rename"`
	// Prepare counts the secrets that are to keep the value which another one has now.
	Prepare int `json:"prepare,omitempty"`
	// Retire counts the kept values to delete, because their overlap is over.
	Retire int `json:"retire,omitempty"`
	// Adopt counts the existing secrets to start managing.
	Adopt int `json:"adopt"`
	// Update counts the secrets whose value or metadata is to be sent.
	Update int `json:"update"`
	// Rotate counts the generated values to replace.
	Rotate int `json:"rotate"`
	// Delete counts the secrets to delete.
	Delete int `json:"delete"`
	// DeleteStore counts the stores to delete.
	DeleteStore int `json:"delete_store"`
	// Forget counts the secrets to stop managing, which stay in Cloudflare.
	Forget int `json:"forget"`
	// Record counts the changes of the lockfile alone.
	Record int `json:"record"`
	// Total counts all of them.
	Total int `json:"total"`
	// Unchanged counts the desired secrets that are as they should be.
	Unchanged int `json:"unchanged"`
	// UnreadAccounts counts the accounts that the plan leaves out, because they could not be read.
	UnreadAccounts int `json:"unread_accounts,omitempty"`
}

// Summarize counts a plan's actions.
func Summarize(p *planner.Plan) Summary {
	return Summary{
		CreateStore: p.Count(planner.OpCreateStore), Create: p.Count(planner.OpCreate), Rename: p.Count(planner.OpRename),
		Prepare: p.Count(planner.OpPrepare), Retire: p.Count(planner.OpRetire),
		Adopt: p.Count(planner.OpAdopt), Update: p.Count(planner.OpUpdate), Rotate: p.Count(planner.OpRotate),
		Delete: p.Count(planner.OpDelete), DeleteStore: p.Count(planner.OpDeleteStore), Forget: p.Count(planner.OpForget),
		Record: p.Count(planner.OpRecord), Total: len(p.Actions), Unchanged: p.Unchanged,
		UnreadAccounts: p.UnreadAccounts(),
	}
}

// Inputs describe what a plan was built from.
type Inputs struct {
	// Manifest is the manifest's path, as it was given.
	Manifest string `json:"manifest"`
	// ManifestDigest covers the manifest and the files that it includes.
	ManifestDigest string `json:"manifest_digest,omitempty" jsonschema:"pattern=^sha256:[0-9a-f]{64}$"`
	// LockfileDigest covers the lockfile; empty if there was none.
	LockfileDigest string `json:"lockfile_digest,omitempty" jsonschema:"pattern=^sha256:[0-9a-f]{64}$"`
	// LiveDigest covers what Cloudflare reported; empty for an offline plan.
	LiveDigest string `json:"live_digest,omitempty" jsonschema:"pattern=^sha256:[0-9a-f]{64}$"`
	// Keyless says that the plan compared ciphertexts, not values.
	Keyless bool `json:"keyless"`
	// Offline says that the plan took the state in Cloudflare from the lockfile.
	Offline bool `json:"offline"`
	// Targets are the globs that the plan was limited to.
	Targets []string `json:"targets,omitempty"`
	// Rotate are the globs of a plan that was limited to rotations of what they match.
	Rotate []string `json:"rotate,omitempty"`
	// Commit is the commit that was planned. It ends in "-dirty" if there were changes that are
	// not committed.
	Commit string `json:"commit,omitempty"`
	// RunURL is the page of the CI job that made the plan.
	RunURL string `json:"run_url,omitempty"`
}

// New returns the file of a plan.
func New(p *planner.Plan, in Inputs) *File {
	f := &File{
		SchemaVersion: SchemaVersion, PlanID: ID(p), Summary: Summarize(p), Inputs: in,
		Actions: []Action{}, Warnings: []Warning{}, Problems: []Problem{},
	}
	for _, a := range p.Actions {
		f.Actions = append(f.Actions, fromAction(a))
	}
	for _, n := range p.Notes {
		f.Warnings = append(f.Warnings, fromNote(n))
	}
	for _, q := range p.Problems {
		f.Problems = append(f.Problems, fromProblem(q))
	}
	f.Digest = f.digest()
	return f
}

// Plan returns the plan that the file holds.
func (f *File) Plan() *planner.Plan {
	p := &planner.Plan{Unchanged: f.Summary.Unchanged, Targeted: len(f.Inputs.Targets) > 0, RotateOnly: len(f.Inputs.Rotate) > 0}
	for _, a := range f.Actions {
		p.Actions = append(p.Actions, a.action())
	}
	for _, w := range f.Warnings {
		p.Notes = append(p.Notes, w.note())
	}
	for _, q := range f.Problems {
		p.Problems = append(p.Problems, q.problem())
	}
	return p
}

// Format returns the file as [Parse] reads it. It is safe to show on a terminal.
func (f *File) Format() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(f) // strings, numbers and lists of them: cannot fail
	return visible.JSON(b.Bytes())
}

func (f *File) digest() string {
	whole := *f
	whole.Digest = ""
	return "sha256:" + sum("secretsync/plan-file/v1", whole)
}

// sum returns a digest of the JSON of v. Digests of different domains never agree.
func sum(domain string, v any) string {
	data, _ := json.Marshal(v) // as in Format
	h := sha256.New()
	h.Write([]byte(domain + "\n"))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}

// ValueID returns what identifies a value: the digest of its ciphertext, else its digest with the
// fingerprint key, else Unverified. Either may be empty.
func ValueID(ciphertext, keyed string) string {
	switch {
	case ciphertext != "":
		return ciphertext
	case keyed != "":
		return "hmac-sha256:" + keyed
	}
	return Unverified
}

// LiveDigest returns a digest of what Cloudflare reported, in any order.
func LiveDigest(live []planner.LiveStore) string {
	lines := []string{}
	for _, st := range live {
		lines = append(lines, fmt.Sprintf("%q %q %q", st.Key.Account, st.Key.Name, st.ID))
		for _, l := range st.Secrets {
			lines = append(lines, fmt.Sprintf("%q %q %q %q %q %q", st.ID, l.ID, l.Name, l.Modified, l.Scopes, l.Comment))
		}
	}
	slices.Sort(lines)
	return "sha256:" + sum("secretsync/live/v1", lines)
}
