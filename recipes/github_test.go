//go:build recipes

package recipes

import (
	"crypto/rand"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var planID = regexp.MustCompile(`<!-- secretsync-plan-id ([0-9a-f]{64,}) -->`)

// plan runs plan.yml for a pull request that was just opened or updated.
func (p *place) plan(branch string, number int) *run {
	p.t.Helper()
	return p.planOf(branch, number, "team/secrets")
}

func (p *place) planOf(branch string, number int, repository string) *run {
	p.t.Helper()
	return p.planAgain(branch, number, repository, p.pushed(branch, number), "4711")
}

// pushed tells the fake GitHub the last commit of a pull request, and returns it.
func (p *place) pushed(branch string, number int) string {
	p.t.Helper()
	head := p.sha(p.dev, branch)
	if p.github.heads == nil {
		p.github.heads = map[string]string{}
	}
	p.github.heads[strconv.Itoa(number)] = head
	return head
}

// planAgain runs plan.yml for an event in which head was the last commit of a pull request.
func (p *place) planAgain(branch string, number int, repository, head, run string) *run {
	p.t.Helper()
	return p.runJob("examples/github/plan.yml", "plan", map[string]string{
		"sha": p.preview(branch), "run": run, "github.event_name": "pull_request", "github.event.pull_request.number": strconv.Itoa(number),
		"github.event.pull_request.head.repo.full_name": repository, "github.event.pull_request.head.sha": head,
		"github.event.pull_request.base.sha": p.sha(p.origin, "main"),
	})
}

// merged merges a pull request and lets GitHub know.
func (p *place) merged(branch string, number int) string {
	p.t.Helper()
	sha := p.merge(branch)
	p.github.merged(number, sha)
	return sha
}

func (f *fakeGitHub) merged(number int, sha string) {
	now := time.Now().UTC().Format(time.RFC3339)
	f.pulls = append(f.pulls, fakePull{99, strings.Repeat("0", 40), now}, fakePull{number, sha, now}) // one was closed only
}

func (p *place) apply(sha string) *run {
	p.t.Helper()
	return p.applied(map[string]string{"sha": sha, "github.event_name": "push"})
}

func (p *place) dispatch(id string) *run {
	p.t.Helper()
	return p.applied(map[string]string{
		"sha": p.sha(p.origin, "main"), "github.event_name": "workflow_dispatch", "inputs.plan_id": id,
	})
}

func (p *place) applied(event map[string]string) *run {
	p.t.Helper()
	r := p.runJob(p.applyYML, "apply", event)
	if !r.failed {
		p.github.applied = append([]string{event["sha"]}, p.github.applied...)
	}
	return r
}

func (p *place) drift() *run {
	p.t.Helper()
	return p.runJob("examples/github/drift.yml", "drift", map[string]string{"sha": p.sha(p.origin, "main"), "github.event_name": "schedule"})
}

// ends fails the test unless a job succeeded or failed as wanted.
func (r *run) ends(failed bool) *run {
	r.t.Helper()
	if r == nil || r.failed != failed {
		r.t.Fatalf("failed, want %v:\n%s", failed, r.log.String())
	}
	return r
}

// says fails the test unless the log contains a text.
func (r *run) says(text string) {
	r.t.Helper()
	if !strings.Contains(r.log.String(), text) {
		r.t.Errorf("the log does not say %q:\n%s", text, r.log.String())
	}
}

// one is an edit with a random value.
func one(name string) map[string]string { return map[string]string{name: rand.Text()} }

// TestGitHub goes through the life of a repository: pull requests, merges, drift.
func TestGitHub(t *testing.T) {
	p := newPlace(t)

	// A plan on the pull request: one comment, kept up to date, with a read-only token.
	// Comments by others are left alone and not trusted, whatever they look like.
	forged := "<!-- secretsync-plan -->\n<!-- secretsync-plan-id " + strings.Repeat("0", 64) + " -->"
	p.github.comments = append(p.github.comments, &fakeComment{1, fakeUser{"stranger"}, forged, "1"}, &fakeComment{2, fakeUser{bot}, "of another workflow", "1"})
	p.branch("first", one("a"))
	p.plan("first", 1).ends(false)
	p.github.comments = append(p.github.comments, &fakeComment{4, fakeUser{"stranger"}, forged, "1"})
	p.branch("first", one("b"))
	r := p.plan("first", 1).ends(false)
	if len(p.github.comments) != 4 || p.github.comments[0].Body != forged || !strings.Contains(p.github.comments[2].Body, "2 to create") {
		t.Fatalf("comments: %+v", p.github.comments)
	}
	p.usedOnly(p.readToken)
	if !strings.HasPrefix(r.summary, "<!-- secretsync-plan -->") || len(p.artifact) == 0 || p.writes() != 0 {
		t.Fatalf("summary %q, artefact of %d bytes", r.summary, len(p.artifact))
	}

	// After the merge it is applied, and the lockfile is on main.
	sha := p.merged("first", 1)
	p.apply(sha).ends(false)
	p.live("a", p.values["a"])
	p.live("b", p.values["b"])
	head := p.sha(p.origin, "main")
	if subject := git(t, p.origin, "log", "-1", "--format=%s", "main"); !strings.HasSuffix(subject, "[skip ci]\n") || head == sha {
		t.Fatalf("the last commit is %q", subject)
	}

	// Again: nothing is written, in Cloudflare or in git.
	p.writes()
	p.apply(sha).ends(false)
	if p.writes() != 0 || p.sha(p.origin, "main") != head {
		t.Fatal("a second apply did something")
	}
	p.usedOnly(p.writeToken)
	p.pin()
	p.driftAndRepair()
	p.notAsReviewed()
	p.quickMerges()
	p.fork()
}

// pin sets the id of the fingerprint key as a variable: from now on no other key is
// accepted.
func (p *place) pin() {
	sha := p.sha(p.origin, "main")
	p.keyID = strings.Repeat("0", 16)
	p.apply(sha).ends(true).says("but SECRETSYNC_FINGERPRINT_KEY_ID allows only " + p.keyID)
	p.drift().ends(true).says("but SECRETSYNC_FINGERPRINT_KEY_ID allows only " + p.keyID)
	p.keyID = p.lockedKey()
	p.apply(sha).ends(false)
}

// lockedKey is the id of the key that the lockfile on main names.
func (p *place) lockedKey() string {
	var lock struct {
		Key struct {
			ID string `json:"id"`
		} `json:"fingerprint_key"`
	}
	must(p.t, json.Unmarshal([]byte(git(p.t, p.origin, "show", "main:secretsync.lock")), &lock))
	return lock.Key.ID
}

func (p *place) driftAndRepair() {
	t := p.t
	p.drift().ends(false)
	if len(p.github.issues) != 0 {
		t.Fatal("an issue without drift")
	}
	p.dashboard("a", rand.Text())
	p.drift().ends(true)
	p.drift().ends(true)
	p.usedOnly(p.readToken)
	if len(p.github.issues) != 1 || p.github.issues[0].State != "open" || !strings.Contains(p.github.issues[0].Body, "a") {
		t.Fatalf("issues: %+v", p.github.issues)
	}

	// A repair was not reviewed: applying it by hand needs the id of a plan that a person has read.
	r := p.dispatch("").ends(true)
	r.says("no plan was reviewed")
	if p.writes() != 0 {
		t.Fatal("something was written without a review")
	}
	p.dispatch(planID.FindStringSubmatch(r.summary)[1]).ends(false)
	p.live("a", p.values["a"])
	p.drift().ends(false)
	if p.github.issues[0].State != "closed" {
		t.Fatal("the issue is open, without drift")
	}
}

// notAsReviewed merges a change made after the plan.
func (p *place) notAsReviewed() {
	t := p.t
	p.branch("second", one("c"))
	p.plan("second", 2).ends(false)
	reviewed := p.github.comments[len(p.github.comments)-1].Body
	p.branch("second", map[string]string{"a": "", "d": rand.Text()})
	sha := p.merged("second", 2)
	p.writes()
	head := p.sha(p.origin, "main")
	r := p.apply(sha).ends(true)
	r.says("the reviewed plan no longer holds")
	if p.writes() != 0 || p.sha(p.origin, "main") != head {
		t.Fatal("something was written that was not reviewed")
	}
	id := planID.FindStringSubmatch(r.summary)[1]
	if strings.Contains(reviewed, id) {
		t.Fatal("another plan has the same id")
	}
	p.dispatch(id).ends(false)
	p.live("c", p.values["c"])
	p.live("d", p.values["d"])
}

// quickMerges merges a second pull request before the first is applied: each apply does what
// its own review showed.
func (p *place) quickMerges() {
	t := p.t
	p.branch("third", map[string]string{"e": rand.Text()})
	p.plan("third", 3).ends(false)
	e := p.values["e"]
	delete(p.values, "e") // the next branch does not have it
	p.branch("fourth", map[string]string{"b": rand.Text()})
	p.plan("fourth", 4).ends(false)
	p.values["e"] = e
	third := p.merged("third", 3)
	fourth := p.merged("fourth", 4)
	p.apply(third).ends(false)
	p.live("e", e)
	if p.emulator.HasValue(account, store, "b", []byte(p.values["b"])) {
		t.Fatal("the first apply did what the second was reviewed for")
	}
	p.apply(fourth).ends(false)
	p.live("b", p.values["b"])
	p.drift().ends(false)
}

// fork plans without credentials, requests or a comment.
func (p *place) fork() {
	t := p.t
	p.branch("fifth", one("f"))
	p.emulator.ResetRequests()
	comments := len(p.github.comments)
	r := p.planOf("fifth", 5, "stranger/secrets").ends(false)
	if !strings.Contains(r.summary, "1 to create") || len(p.emulator.Requests()) != 0 || len(p.github.comments) != comments {
		t.Fatalf("summary %q, requests %v", r.summary, p.emulator.Requests())
	}
	id := planID.FindStringSubmatch(r.summary)[1]
	p.apply(p.merged("fifth", 5)).ends(true).says("no plan was reviewed")
	p.dispatch(id).ends(false) // an apply with keys matches it
	p.live("f", p.values["f"])
}
