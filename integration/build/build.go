// Package build makes the programs that the tests run, out of Go modules and
// nothing else. They are kept in .build/bin of the repository; Go's build
// cache decides what has to be made anew.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// kubernetesVersion is what the API server reports of itself. It is the one
// that kubernetes/go.mod requires.
const kubernetesVersion = "v1.37.2"

// Weir builds the program under test.
func Weir(ctx context.Context) (string, error) {
	return install(ctx, ".", "weir", "./cmd/weir")
}

// Etcd builds the etcd server, of the version that Weir embeds.
func Etcd(ctx context.Context) (string, error) {
	return install(ctx, "integration", "etcd", "go.etcd.io/etcd/server/v3", "-ldflags=-s -w")
}

// KubeAPIServer builds the Kubernetes API server. The first time takes minutes.
func KubeAPIServer(ctx context.Context) (string, error) {
	const variable = "-X k8s.io/component-base/version."
	major, rest, _ := strings.Cut(strings.TrimPrefix(kubernetesVersion, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	flags := fmt.Sprintf("-ldflags=-s -w %[1]sgitVersion=%[2]s %[1]sgitMajor=%[3]s %[1]sgitMinor=%[4]s",
		variable, kubernetesVersion, major, minor)
	return install(ctx, filepath.Join("integration", "kubernetes"), "kube-apiserver",
		"k8s.io/kubernetes/cmd/kube-apiserver", flags)
}

// install builds one package in a module of the repository.
func install(ctx context.Context, module, name, pkg string, flags ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, ".build", "bin")
	unlock, err := lock(dir)
	if err != nil {
		return "", err
	}
	defer unlock()
	binary := filepath.Join(dir, name)
	args := append([]string{"build", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Dir = filepath.Join(root, module)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return binary, nil
}

// lock makes the test programs of several packages, which `go test` runs at
// the same time, build one after the other: what the first has built, the
// next finds up to date.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for binaries: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock the folder for binaries: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock the folder for binaries: %w", errors.Join(err, file.Close()))
	}
	return func() { _ = file.Close() }, nil
}

// Root is the folder of the repository: the nearest one above the working
// folder that holds the module of Weir itself.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		switch {
		case err == nil && strings.HasPrefix(string(mod), "module github.com/openweir/weir\n"):
			return dir, nil
		case err != nil && !errors.Is(err, os.ErrNotExist):
			return "", fmt.Errorf("find the repository: %w", err)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find the repository: the working folder is outside of it")
		}
		dir = parent
	}
}
