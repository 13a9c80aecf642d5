package devnet

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab of a real browser.
type tab struct {
	t         *testing.T
	ctx       context.Context
	downloads string
}

// openTab starts Chromium with a profile of its own. Without Chromium the test
// fails in CI and is skipped elsewhere.
func openTab(t *testing.T) *tab {
	t.Helper()
	program := chromium(t)
	profile, err := os.MkdirTemp("", "strata-browser-")
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true), chromedp.WindowSize(1200, 900),
		chromedp.WSURLReadTimeout(3*time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	window, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(window) // its exit status says nothing of the page
		cancel()
		stop()
		_ = os.RemoveAll(profile) // a straggling child may still write there
	})
	ctx := limited(window, t)
	b := &tab{t: t, ctx: ctx, downloads: t.TempDir()}
	if err := chromedp.Do(ctx); err != nil { // the first use starts it, for as long as ctx lives
		t.Fatalf("Chromium does not start: %v", err)
	}
	b.failOnExceptions()
	return b
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("the page's test needs Chromium: install the package chromium")
	}
	t.Skip("no Chromium here: the page is not tested against a network")
	return ""
}

// failOnExceptions makes what the page throws an error of the test.
func (b *tab) failOnExceptions() {
	b.t.Helper()
	thrown := make(chan string, 16)
	err := chromedp.Listen(b.ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			select {
			case thrown <- e.ExceptionDetails.Text:
			default: // the first ones suffice
			}
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		select {
		case text := <-thrown:
			b.t.Errorf("the page threw: %s", text)
		default:
		}
	})
}

// do takes steps that must succeed within a few minutes; what the page showed
// otherwise is told.
func (b *tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 3*time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		shown, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS(`main`)))
		b.t.Fatalf("%s: %v; the page shows:\n%s", what, err, shown)
	}
}

// save clicks a button and returns the file that the browser saves.
func (b *tab) save(button string) []byte {
	b.t.Helper()
	progress := chromedp.Events(b.ctx, browser.DownloadProgress)
	events := true
	if _, err := chromedp.Call(b.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: b.downloads, EventsEnabled: &events,
	}); err != nil {
		b.t.Fatal(err)
	}
	b.do("click download", chromedp.Click(button))
	for e, err := range progress {
		if err != nil || e.State == browser.DownloadProgressStateCanceled {
			break
		}
		if e.State == browser.DownloadProgressStateCompleted {
			got, err := os.ReadFile(filepath.Join(b.downloads, e.GUID))
			if err != nil {
				b.t.Fatal(err)
			}
			return got
		}
	}
	b.t.Fatal("the download did not end well")
	return nil
}

// randomFile writes a file that nobody can guess or compress.
func randomFile(t *testing.T, name string, size int) (path string, content []byte) {
	t.Helper()
	content = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(content) // never fails
	path = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// TestPageOnNetwork is a user's hour in minutes: the page of a network of real
// processes stores a file of several sectors, gives it back and says how the
// miners are. When all miners but one are gone it says so, in one line, instead
// of leaving a broken file; and it deletes.
func TestPageOnNetwork(t *testing.T) {
	b := openTab(t)
	n := start(t, 6)
	page, err := n.Page()
	if err != nil {
		t.Fatal(err)
	}
	path, content := randomFile(t, "grüße & 100 % <b>.bin", 20<<20+1)
	row := `//tr[contains(., "grüße & 100 % <b>.bin")]`

	b.do("open", chromedp.Navigate(page), chromedp.WaitVisible(`//p[.="Nothing stored yet."]`),
		chromedp.WaitVisible(`//dd[.="all answer"]`),
		chromedp.WaitVisible(`//table[count(.//span[.="Good"])=6]`))
	b.do("upload", chromedp.SetUploadFiles(chromedp.CSS(`input[type=file]`), []string{path}, chromedp.NodeReady),
		chromedp.WaitVisible(row+`[contains(., "20 MiB")][contains(., "Healthy")]`))
	if got := b.save(row + `//button[starts-with(@aria-label, "Download")]`); !bytes.Equal(got, content) {
		t.Errorf("the browser saved %d bytes that differ from the %d stored", len(got), len(content))
	}

	for _, p := range n.Processes()[2:7] { // after the chain and the validator; one miner stays
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-p.done
	}
	b.do("see it unreadable", chromedp.WaitVisible(row+`[contains(., "Unreadable")]`),
		chromedp.WaitVisible(`//table[count(.//span[.="Problem"])=5]`))
	b.do("be told why it is not downloaded", chromedp.Click(row+`//button[starts-with(@aria-label, "Download")]`),
		chromedp.WaitVisible(`//div[@role="alert"]//span[contains(., "of the 2 miners needed")]`))
	b.do("delete", chromedp.Click(row+`//button[starts-with(@aria-label, "Delete")]`),
		chromedp.WaitVisible(chromedp.CSS(`dialog`)), chromedp.Click(`//dialog//button[.="Delete"]`),
		chromedp.WaitVisible(`//p[.="Nothing stored yet."]`))
	if st, err := n.Status(b.ctx); err != nil || st.Objects != 0 || st.ObjectBytes != 0 {
		t.Errorf("after the deletion %d objects with %d bytes are counted, %v", st.Objects, st.ObjectBytes, err)
	}
}
