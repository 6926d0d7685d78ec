//go:build bench && linux

package bench

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/emulator"
)

// unlimited is an account of any size without a rate limit that matters.
func unlimited(secrets int) emulator.Options {
	return emulator.Options{MaxSecrets: secrets, RateLimit: 100_000_000}
}

// sizes are numbers of secrets, and how often each of them is measured at most.
var sizes = []struct{ secrets, rounds int }{{100, 5}, {1000, 5}, {10_000, 3}, {100_000, 1}}

// measureScale measures secretsync for more and more secrets, without latency. An operation whose time
// grows faster than the number of secrets would take too long in the end: a build is not measured with
// more secrets after it has failed, or has taken a third of the allowed time. The earlier build is
// measured only once from 1,000 secrets on.
func measureScale(t *testing.T, r *results) {
	gone := [2]map[string]bool{{}, {}} // of each build, the operations that it is not asked for any more
	for _, size := range sizes {
		for round := range min(*rounds, size.rounds) {
			for i, b := range builds() {
				if size.secrets > 10_000 && (*quick || i > 0) || size.secrets >= 1000 && i > 0 && round > 0 {
					continue
				}
				p := newPlace(t, newDistant(t, 0, unlimited(size.secrets)))
				if i > 0 {
					p.patience = 6 * time.Minute
				}
				scale(p, r, b, size.secrets, gone[i])
				if t.Failed() {
					return
				}
			}
		}
	}
}

// scale runs each operation for a number of secrets, except the operations in gone.
func scale(p *place, r *results, build client, secrets int, gone map[string]bool) {
	p.manifest(secrets)
	for _, operation := range growing {
		if gone[operation.name] {
			return // what follows would find another state
		}
		p.values(operation.values)
		u := p.counted(func() usage { return build.command(p, operation.args...) })
		r.Scale = append(r.Scale, measurement{Name: build.name, Operation: operation.name, Secrets: secrets, usage: u})
		p.t.Logf("%s %s %d: %s", build.name, operation.name, secrets, u)
		gone[operation.name] = u.Problem != "" || u.Wall > p.patience/3
		if u.Problem != "" && build.name == builds()[0].name {
			p.t.Errorf("%s %d: %s", operation.name, secrets, u.Problem)
		}
	}
}

// growing are the operations whose cost for more and more secrets is measured. The last two change
// all values once more, by a plan that was reviewed.
var growing = []struct {
	name, values string
	args         []string
}{
	{"create", "create-50", []string{"apply", "--auto-approve"}},
	{"plan", "no-op", []string{"plan"}},
	{"no-op", "no-op", []string{"apply", "--auto-approve"}},
	{"change", "change-50", []string{"apply", "--auto-approve"}},
	{"write a plan", "create-50", []string{"plan", "-o", "plan.json"}},
	{"apply that plan", "create-50", []string{"apply", "plan.json"}},
}

// measureAccounts creates 100 secrets in each of 50 accounts.
func measureAccounts(t *testing.T, r *results) {
	const accounts, secrets = 50, 100
	var m strings.Builder
	m.WriteString("version: 1\naccounts:\n")
	for a := range accounts {
		fmt.Fprintf(&m, "  account-%02d: {id: \"%032x\", token_env: CLOUDFLARE_API_TOKEN}\n", a, a+1)
	}
	m.WriteString("stores:\n")
	for a := range accounts {
		fmt.Fprintf(&m, "  prod-%02d:\n    account: account-%02[1]d\n    name: prod\n    secrets:\n", a)
		for s := range secrets {
			fmt.Fprintf(&m, "      secret-%06d: {from: {env: OTHERS}, comment: secret %[1]d}\n", s)
		}
	}
	for range *rounds {
		for _, b := range builds() {
			p := newPlace(t, newDistant(t, latency, unlimited(secrets)))
			p.write("secretsync.yaml", m.String())
			p.values("create-50")
			u := p.counted(func() usage { return b.command(p, "apply", "--auto-approve", "--wait", "0") })
			// List the stores, create one, create its secrets.
			r.Accounts = append(r.Accounts, measurement{
				Name: b.name, Operation: "create", Secrets: accounts * secrets, Ideal: 3 * latency, usage: u,
			})
			t.Logf("%s accounts: %s", b.name, u)
			if u.Problem != "" {
				t.Errorf("%s fails for many accounts", b.name)
			}
		}
	}
}

// side is how many requests secretsync sends side by side if no flag says otherwise.
const side = 50

// measureLimits changes secrets under Cloudflare's rate limit, which is not exceeded, and under a
// smaller one, which would be.
func measureLimits(t *testing.T, r *results) {
	many := 3000
	if *quick {
		many = 1000
	}
	for _, c := range []struct {
		secrets, limit int
		window         time.Duration
	}{
		{400, 1200, 5 * time.Minute},
		{many, 300, 10 * time.Second},
	} {
		pages := (c.secrets + 99) / 100
		tooSlow := false // the build before, which is not asked again
		for run := range len(builds()) * min(*rounds, 3) {
			i := run % len(builds())
			b := builds()[i]
			if i > 0 && tooSlow {
				continue
			}
			p := newPlace(t, newDistant(t, latency, emulator.Options{MaxSecrets: c.secrets, RateLimit: c.limit, RateWindow: c.window}))
			if i > 0 {
				p.patience = 5 * time.Minute
			}
			p.manifest(c.secrets)
			p.values("create-50")
			if u := b.command(p, "apply", "--auto-approve"); u.Problem != "" {
				t.Errorf("%s cannot create %d secrets: %s", b.name, c.secrets, u)
				continue
			}
			p.values("change-50")
			p.env["CLOUDFLARE_API_TOKEN"] = "another-token" // with a limit of its own
			u := p.counted(func() usage { return b.command(p, "apply", "--auto-approve") })
			// A full period for each limit that is used up, and then the rest: one round trip for as
			// many requests as go side by side. The first page of a list goes alone.
			periods := (c.secrets + pages - 1) / c.limit
			left := c.secrets + pages - periods*c.limit
			ideal := time.Duration(periods)*c.window + time.Duration(math.Ceil(float64(left)/side))*latency
			if periods == 0 {
				ideal += latency
			}
			r.Limits = append(r.Limits, measurement{
				Name: b.name, Operation: fmt.Sprintf("%d requests in %s", c.limit, c.window), Secrets: c.secrets, Ideal: ideal, usage: u,
			})
			t.Logf("%s limits: %s, ideal %s", b.name, u, ideal)
			if u.Problem != "" && i == 0 {
				t.Errorf("%s fails under a limit", b.name)
			}
			tooSlow = tooSlow || u.Problem != ""
		}
	}
}

// command runs a command of a build of secretsync.
func (c client) command(p *place, args ...string) usage { return p.process(c.binary, args...) }
