//go:build recipes

package recipes

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// started is a place where something was applied.
func started(t *testing.T) *place {
	p := newPlace(t)
	p.branch("start", map[string]string{"m": rand.Text(), "n": rand.Text()})
	p.plan("start", 10).ends(false)
	p.apply(p.merged("start", 10)).ends(false)
	return p
}

// separate plans a pull request that is based on the current main, and returns the value that it sets.
func (p *place) separate(branch string, number int, name string) (value string) {
	p.t.Helper()
	p.branch(branch, one(name))
	p.plan(branch, number).ends(false)
	value = p.values[name]
	delete(p.values, name) // other branches lack it
	return value
}

// TestGitHubTwoMerges: the apply of the first of two merges never starts, because GitHub keeps
// only one waiting run. The second one applies what both reviews showed.
func TestGitHubTwoMerges(t *testing.T) {
	p := started(t)
	a, z := p.separate("one", 1, "a"), p.separate("two", 2, "z")
	p.merged("one", 1)
	sha := p.merged("two", 2)
	p.apply(sha).ends(false)
	p.live("a", a)
	p.live("z", z)

	// The same run again has nothing to do.
	p.writes()
	p.apply(sha).ends(false)
	if p.writes() != 0 {
		t.Fatal("a second apply did something")
	}
}

// TestGitHubUnreviewed: if one of several merges has no reviewed plan, the apply stops, even if a
// comment seems to have one.
func TestGitHubUnreviewed(t *testing.T) {
	p := started(t)
	p.separate("one", 1, "a")
	p.separate("two", 2, "z")
	p.branch("three", one("mm"))
	r := p.planOf("three", 3, "stranger/secrets").ends(false) // which writes no comment
	id := planID.FindStringSubmatch(r.summary)[1]
	for i, c := range []fakeComment{
		{0, fakeUser{bot}, "<!-- secretsync-plan -->\n### secretsync: Plan: 1 to create\n<!-- secretsync-plan-id " + id + " -->\n", "3"},
		{0, fakeUser{bot}, "<!-- secretsync-plan -->\n<!-- secretsync-commit x --> <!-- secretsync-plan-id " + id + " -->\n", "3"},
		{0, fakeUser{bot}, "```diff\n<!-- secretsync-plan -->\n<!-- secretsync-plan-id " + id + " -->\n", "3"},
		{0, fakeUser{bot}, "<!-- secretsync-plan -->\n<!-- secretsync-plan-id " + id + " -->\n<!-- secretsync-outdated -->\n", "3"},
		{0, fakeUser{"stranger"}, "<!-- secretsync-plan -->\n<!-- secretsync-plan-id " + id + " -->\n", "3"},
		{0, fakeUser{bot}, "<!-- secretsync-plan -->\n<!-- secretsync-plan-id " + id + " -->\n", "4"},
	} {
		c.ID = 100 + i
		p.github.comments = append(p.github.comments, &c)
	}
	p.merged("one", 1)
	p.merged("three", 3)
	sha := p.merged("two", 2)
	p.writes()
	r = p.apply(sha).ends(true)
	r.says("pull request 3: plan not reviewed")
	r.says("not reviewed: create default_secrets_store/mm ")
	if strings.Contains(r.log.String(), "not reviewed: create default_secrets_store/a") || p.writes() != 0 {
		t.Fatalf("what was reviewed was refused, or something was written:\n%s", r.log.String())
	}
	p.dispatch(planID.FindStringSubmatch(r.summary)[1]).ends(false)
	p.live("mm", p.values["mm"])
}

// queue adds a pull request to the merge queue, behind the entry with the given head, and runs the
// queue's checks.
func (p *place) queue(branch string, number int, base string) (head string, r *run) {
	p.t.Helper()
	git(p.t, p.dev, "fetch", "--quiet", "origin")
	git(p.t, p.dev, "checkout", "--quiet", "--detach", base)
	git(p.t, p.dev, "merge", "--quiet", "--no-ff", "--message", "queue", branch)
	head = p.sha(p.dev, "HEAD")
	ref := fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", number, base)
	git(p.t, p.dev, "push", "--quiet", "origin", "HEAD:"+ref)
	return head, p.runJob("examples/github/plan.yml", "plan", map[string]string{
		"sha": head, "github.event_name": "merge_group", "github.event.merge_group.base_sha": base,
		"github.event.merge_group.head_sha": head, "github.event.merge_group.head_ref": ref,
	})
}

// land merges an entry of the queue and all before it, with one push, and lets GitHub know.
func (p *place) land(head string, merges map[int]string) {
	p.t.Helper()
	git(p.t, p.dev, "push", "--quiet", "origin", head+":refs/heads/main")
	for _, ref := range strings.Fields(git(p.t, p.origin, "for-each-ref", "--format=%(refname)", "refs/heads/gh-readonly-queue")) {
		git(p.t, p.origin, "update-ref", "-d", ref)
	}
	for number, sha := range merges {
		p.github.merged(number, sha)
	}
}

// TestGitHubMergeQueue tries pull requests together, and then applies them.
func TestGitHubMergeQueue(t *testing.T) {
	p := started(t)
	a, z := p.separate("one", 1, "a"), p.separate("two", 2, "z")
	p.writes()
	p.tokens.Clear()
	first, r := p.queue("one", 1, p.sha(p.origin, "main"))
	r.ends(false).says("pull request 1: plan ")
	r.says("Plan: 1 to create; 2 unchanged.")
	second, r := p.queue("two", 2, first)
	r.ends(false).says("pull request 1: plan ")
	r.says("pull request 2: plan ")
	r.says("Plan: 2 to create; 2 unchanged.")

	// One that was changed after its plan, and one without a plan, leave the queue.
	p.separate("three", 3, "mm")
	p.branch("three", one("mmm"))
	_, r = p.queue("three", 3, second)
	r.ends(true).says("not reviewed: create default_secrets_store/mmm ")
	delete(p.values, "mmm")
	p.branch("four", one("mm"))
	_, r = p.queue("four", 4, second)
	r.ends(true).says("pull request 4: plan not reviewed")
	delete(p.values, "mm")
	p.usedOnly(p.readToken)
	if p.writes() != 0 {
		t.Fatal("the queue wrote something")
	}
	third := p.unrelated(second)

	// The queue merges all of them with one push, and one apply follows.
	p.land(third, map[int]string{1: first, 2: second, 5: third})
	p.apply(third).ends(false)
	p.live("a", a)
	p.live("z", z)
	p.values["a"], p.values["z"] = a, z
	p.behind()
}

// unrelated plans and queues a pull request that touches no secret. It needs no plan, but its
// checks report.
func (p *place) unrelated(base string) (head string) {
	git(p.t, p.dev, "checkout", "--quiet", "-b", "docs", "origin/main")
	write(p.t, filepath.Join(p.dev, "README"), "of a colleague\n")
	p.commit("readme")
	comments := len(p.github.comments)
	p.plan("docs", 5).ends(false)
	head, r := p.queue("docs", 5, base)
	r.ends(false)
	if len(p.emulator.Requests()) != 0 || len(p.github.comments) != comments || r.summary != "" {
		p.t.Fatalf("a plan without a reason: %s", r.summary)
	}
	return head
}

// behind queues a pull request behind a merged one: before that one is applied, after a partial apply,
// and after the whole apply.
func (p *place) behind() {
	a := rand.Text()
	p.branch("five", map[string]string{"a": a, "aa": rand.Text()})
	p.plan("five", 6).ends(false)
	aa := p.values["aa"]
	delete(p.values, "aa")
	six := p.separate("six", 7, "zz")
	sha := p.merged("five", 6)
	_, r := p.queue("six", 7, sha)
	r.ends(false).says("Plan: 2 to create, 1 to update; 3 unchanged.")

	p.fault = refuseUpdates
	p.apply(sha).ends(true).says("the apply is incomplete")
	p.fault = nil
	p.live("aa", aa)
	_, r = p.queue("six", 7, p.sha(p.origin, "main"))
	r.ends(false).says("Plan: 1 to create, 1 to update; 4 unchanged.")

	sha = p.merged("six", 7)
	p.apply(sha).ends(false) // which finishes the other one's too
	p.live("a", a)
	p.live("zz", six)
}

// TestGitHubReverted: if a pull request changes nothing any more, its comment says so.
func TestGitHubReverted(t *testing.T) {
	p := started(t)
	p.separate("one", 1, "a")
	git(t, p.dev, "checkout", "--quiet", "one")
	git(t, p.dev, "revert", "--no-edit", "HEAD")
	p.plan("one", 1).ends(false)
	if last := p.github.comments[len(p.github.comments)-1].Body; len(p.github.comments) != 2 || !strings.Contains(last, "No changes") {
		t.Fatalf("%d comments, the last one: %s", len(p.github.comments), last)
	}
}

// TestGitHubEnterprise runs the recipes at another server, where gh needs its name and a token in
// another variable.
func TestGitHubEnterprise(t *testing.T) {
	for _, server := range []string{"https://github.example.com", "https://team.ghe.com"} {
		p := newPlace(t)
		p.server = server
		p.branch("first", one("a"))
		p.plan("first", 1).ends(false)
		p.branch("first", one("b"))
		p.plan("first", 1).ends(false)
		if len(p.github.comments) != 1 || !strings.Contains(p.github.comments[0].Body, "2 to create") {
			t.Fatalf("%d comments", len(p.github.comments))
		}
		_, r := p.queue("first", 1, p.sha(p.origin, "main"))
		r.ends(false).says("pull request 1: plan ")
		p.apply(p.merged("first", 1)).ends(false)
		p.live("a", p.values["a"])
		p.dashboard("a", rand.Text())
		p.drift().ends(true)
		if len(p.github.issues) != 1 {
			t.Fatalf("%d issues", len(p.github.issues))
		}
	}
}

// TestFakeHost: the fake gh has the rules of the real one.
func TestFakeHost(t *testing.T) {
	for _, c := range []struct {
		server, host, variable string
		ok                     bool
	}{
		{"https://github.com", "", "GH_TOKEN", true},
		{"https://github.com", "github.com", "GH_ENTERPRISE_TOKEN", false},
		{"https://github.example.com", "", "GH_TOKEN", false},
		{"https://github.example.com", "github.example.com", "GH_TOKEN", false},
		{"https://github.example.com", "github.example.com", "GH_ENTERPRISE_TOKEN", true},
		{"https://team.ghe.com", "team.ghe.com", "GH_TOKEN", true},
		{"https://team.ghe.com", "team.ghe.com", "GH_ENTERPRISE_TOKEN", false},
	} {
		env := map[string]string{"FAKE_GITHUB_SERVER": c.server, "GH_HOST": c.host, c.variable: "token"}
		if err := checkHost(func(name string) string { return env[name] }); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
