//go:build recipes

package recipes

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// cronJob is the part of batch/v1 that the recipe uses. Any other key is an error. Whether a
// kubelet accepts the rest was only checked by reading.
type cronJob struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Schedule          string
		ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
		StartingDeadline  int    `yaml:"startingDeadlineSeconds"`
		SuccessfulHistory int    `yaml:"successfulJobsHistoryLimit"`
		FailedHistory     int    `yaml:"failedJobsHistoryLimit"`
		JobTemplate       struct {
			Spec struct {
				BackoffLimit   *int `yaml:"backoffLimit"`
				ActiveDeadline int  `yaml:"activeDeadlineSeconds"`
				TTL            int  `yaml:"ttlSecondsAfterFinished"`
				Template       struct{ Spec podSpec }
			}
		} `yaml:"jobTemplate"`
	}
}

type podSpec struct {
	RestartPolicy      string `yaml:"restartPolicy"`
	AutomountToken     *bool  `yaml:"automountServiceAccountToken"`
	EnableServiceLinks *bool  `yaml:"enableServiceLinks"`
	SecurityContext    struct {
		RunAsNonRoot bool                  `yaml:"runAsNonRoot"`
		RunAsUser    int                   `yaml:"runAsUser"`
		RunAsGroup   int                   `yaml:"runAsGroup"`
		FSGroup      int                   `yaml:"fsGroup"`
		Seccomp      struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	InitContainers []container `yaml:"initContainers"`
	Containers     []container
	Volumes        []struct {
		Name     string
		EmptyDir *struct {
			SizeLimit string `yaml:"sizeLimit"`
		} `yaml:"emptyDir"`
		Claim *struct {
			Name string `yaml:"claimName"`
		} `yaml:"persistentVolumeClaim"`
	}
}

type container struct {
	Name, Image   string
	WorkingDir    string `yaml:"workingDir"`
	Command, Args []string
	Env           []struct {
		Name, Value string
		ValueFrom   struct {
			Secret struct {
				Name, Key string
				Optional  bool
			} `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
	SecurityContext struct {
		Escalation   *bool                   `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRoot bool                    `yaml:"readOnlyRootFilesystem"`
		Capabilities struct{ Drop []string } `yaml:"capabilities"`
	} `yaml:"securityContext"`
	Resources struct{ Requests, Limits map[string]string }
}

// TestKubernetes runs the containers in turn, with folders as their volumes.
func TestKubernetes(t *testing.T) {
	p := newPlace(t)
	p.branch("first", one("a"))
	main := p.pipeline(p.merge("first"), p.withSecrets())
	main.exits("secretsync-plan-merged", 0)
	main.exits("secretsync-apply", 0)

	job := parse[cronJob](t, "examples/kubernetes/cronjob.yaml")
	checkHardened(t, job)
	if code, log := p.pod(job.Spec.JobTemplate.Spec.Template.Spec); code != 0 {
		t.Fatalf("exit code %d without drift: %s", code, log)
	}
	p.dashboard("a", "changed")
	if code, log := p.pod(job.Spec.JobTemplate.Spec.Template.Spec); code != 2 {
		t.Fatalf("exit code %d with drift: %s", code, log)
	}
	if p.writes() != 0 {
		t.Fatal("drift wrote something")
	}
}

// pod runs a pod's containers until one fails.
func (p *place) pod(spec podSpec) (code int, log string) {
	root := p.t.TempDir()
	secrets := map[string]string{"token": p.readToken, "account-id": account, "git-header": "Authorization: Basic unused", "fingerprint-key-id": p.keyID}
	if p.bucket == nil {
		secrets["fingerprint-key-id"] = p.lockedKey()
	} else {
		secrets["bucket-key-id"], secrets["bucket-secret-key"], secrets["bucket-region"] = p.bucket.reader, p.bucket.readerSecret, "us-east-1"
	}
	for _, c := range append(spec.InitContainers, spec.Containers...) {
		mounts := []string{}
		for _, m := range c.VolumeMounts {
			folder := filepath.Join(root, m.Name)
			must(p.t, os.MkdirAll(folder, 0o755))
			mounts = append(mounts, m.MountPath+"/", folder+"/")
		}
		place := strings.NewReplacer(mounts...)
		env := p.environment(nil)
		for _, e := range c.Env {
			key := e.ValueFrom.Secret.Key
			if key != "" && e.ValueFrom.Secret.Optional && secrets[key] == "" {
				continue
			}
			env[e.Name] = e.Value
			if key != "" {
				if secrets[key] == "" {
					p.t.Fatalf("the comment does not say to make the key %s", key)
				}
				env[e.Name] = secrets[key]
			}
		}
		if env["AWS_ACCESS_KEY_ID"] != "" && env["AWS_REGION"] != secrets["bucket-region"] {
			p.t.Fatal("the bucket's region is not passed")
		}
		if _, ok := env["REPOSITORY"]; ok {
			env["REPOSITORY"] = "file://" + p.origin
		}
		env["HOME"] = root
		command := append(c.Command, c.Args...)
		if len(c.Command) == 0 {
			command = append([]string{filepath.Join(p.bin, "secretsync")}, c.Args...) // the image's entry point
		}
		for i := range command {
			command[i] = os.Expand(place.Replace(strings.NewReplacer("$(", "${", ")", "}").Replace(command[i])), func(n string) string { return env[n] })
		}
		cmd := exec.CommandContext(p.t.Context(), command[0], command[1:]...)
		var out bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr, cmd.Dir = list(env), &out, &out, place.Replace(c.WorkingDir+"/")
		if c.WorkingDir == "" {
			cmd.Dir = root
		}
		_ = cmd.Run()
		p.written = append(p.written, out.String())
		log += out.String()
		if code = cmd.ProcessState.ExitCode(); code != 0 {
			break
		}
	}
	return code, log
}

func checkHardened(t *testing.T, j cronJob) {
	pod := j.Spec.JobTemplate.Spec.Template.Spec
	s := pod.SecurityContext
	for what, ok := range map[string]bool{
		"batch/v1 CronJob":         j.APIVersion == "batch/v1" && j.Kind == "CronJob",
		"one at a time":            j.Spec.ConcurrencyPolicy == "Forbid",
		"no retries":               *j.Spec.JobTemplate.Spec.BackoffLimit == 0 && pod.RestartPolicy == "Never",
		"an end":                   j.Spec.JobTemplate.Spec.ActiveDeadline > 0,
		"not root":                 s.RunAsNonRoot && s.RunAsUser > 0 && s.RunAsGroup > 0,
		"seccomp":                  s.Seccomp.Type == "RuntimeDefault",
		"no service account token": !*pod.AutomountToken,
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		x := c.SecurityContext
		if *x.Escalation || !x.ReadOnlyRoot || strings.Join(x.Capabilities.Drop, " ") != "ALL" || c.Resources.Limits["memory"] == "" || c.Resources.Requests["cpu"] == "" {
			t.Errorf("container %s is not hardened: %+v", c.Name, c)
		}
	}
}
