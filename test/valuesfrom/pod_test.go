package valuesfrom

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/test/program"
	"gopkg.in/yaml.v3"
)

// container is the part of a pod that the recipe uses.
type container struct {
	Name, Image string
	Args        []string
	Env         []struct {
		Name      string
		ValueFrom struct {
			Secret struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"volumeMounts"`
}

// TestPod runs the container with a folder as its volume, in which files are links to links, as a
// kubelet writes them.
func TestPod(t *testing.T) {
	_, blocks := page(t)
	var c container
	decoder := yaml.NewDecoder(strings.NewReader(blocks["container"]))
	decoder.KnownFields(true)
	program.Must(t, decoder.Decode(&c))

	p := newPlace(t, "pod.yaml")
	cluster := map[string]string{"stripe/key": "value of the cluster " + rand.Text(), "tls.key": "-----BEGIN " + rand.Text() + "\n"}
	for _, value := range cluster {
		p.secrets = append(p.secrets, value)
	}
	for _, e := range c.Env {
		p.Env[e.Name] = cluster[e.ValueFrom.Secret.Name+"/"+e.ValueFrom.Secret.Key]
	}
	mount := c.VolumeMounts[0]
	volume := t.TempDir()
	p.Write("secretsync.yaml", strings.ReplaceAll(blocks["pod.yaml"], mount.MountPath+"/", filepath.ToSlash(volume)+"/"))
	written := func(generation, value string) {
		program.Must(t, os.Mkdir(filepath.Join(volume, generation), 0o755))
		program.Must(t, os.WriteFile(filepath.Join(volume, generation, "tls.key"), []byte(value), 0o600))
		_ = os.Remove(filepath.Join(volume, "..data"))
		program.Must(t, os.Symlink(generation, filepath.Join(volume, "..data")))
	}
	written("..2026_11_27", cluster["tls.key"])
	program.Must(t, os.Symlink(filepath.Join("..data", "tls.key"), filepath.Join(volume, "tls.key")))

	p.secretsync(program.Changes, c.Args...)
	p.secretsync(program.OK, "apply", "--auto-approve", "--allow-outside")
	p.live("stripe-key", cluster["stripe/key"])
	p.live("tls-key", cluster["tls.key"])
	p.secretsync(program.OK, c.Args...)
	written("..2026_11_28", "-----BEGIN "+rand.Text()+"\n")
	p.secretsync(program.Changes, c.Args...)
	p.secretsync(program.Error, "plan") // without the flag, nothing outside the repository is read
}
