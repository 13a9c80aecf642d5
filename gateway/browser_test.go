package gateway

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"strata/web"
)

// patience is how long Chromium may take, on a machine that is busy.
const patience = 5 * time.Minute

// openBrowser starts Chromium with a profile of its own. Without Chromium the
// test fails in CI and is skipped elsewhere.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("the page's test needs Chromium: install the package chromium")
		}
		t.Skip("no Chromium here: the page is not tested")
	}
	dir, err := os.MkdirTemp("", "strata-browser-")
	if err != nil {
		t.Fatal(err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true), chromedp.WindowSize(1200, 900),
		chromedp.WSURLReadTimeout(patience))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(browser) // its exit status says nothing of the page
		cancel()
		stop()
		_ = os.RemoveAll(dir) // a straggling child may still write there
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	ctx, cancel := context.WithTimeout(browser, patience)
	t.Cleanup(cancel)
	return ctx
}

// complaints collects what the page throws or the browser blocks.
func complaints(t *testing.T, ctx context.Context) <-chan string {
	t.Helper()
	out := make(chan string, 64)
	err := chromedp.Listen(ctx, func(ev any) {
		text := ""
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			text = e.ExceptionDetails.Text
		case *log.EventEntryAdded:
			if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
				text = e.Entry.Text
			}
		}
		if text != "" {
			select {
			case out <- text:
			default:
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// save clicks a button and returns the file that the browser saves.
func save(t *testing.T, ctx context.Context, dir, button string) []byte {
	t.Helper()
	progress := chromedp.Events(ctx, browser.DownloadProgress)
	events := true
	if _, err := chromedp.Call(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: dir, EventsEnabled: &events,
	}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Click(button)); err != nil {
		t.Fatal(err)
	}
	for e, err := range progress {
		if err != nil {
			t.Fatalf("the download did not end: %v", err)
		}
		if e.State == browser.DownloadProgressStateCompleted {
			got, err := os.ReadFile(filepath.Join(dir, e.GUID))
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
	}
	t.Fatal("the download did not end")
	return nil
}

// TestPage does in a real browser what a user does: opens the printed address,
// stores a file, sees it, downloads it, deletes it.
func TestPage(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Page = web.Page() })
	ctx := openBrowser(t)
	wrong := complaints(t, ctx)
	dir := t.TempDir()
	content := bytes.Repeat([]byte("strata \x00\xff"), 50_000)
	file := filepath.Join(dir, "grüße & <b>.bin")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	downloads := filepath.Join(dir, "downloads")
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v\nlog:\n%s", what, err, &b.log)
		}
	}

	do("open", chromedp.Navigate(b.url+"/#token="+b.token.Reveal()),
		chromedp.WaitVisible(`//p[.="Nothing stored yet."]`))
	if address, err := chromedp.Run(ctx, chromedp.Location()); err != nil || address != b.url+"/" {
		t.Errorf("the address still tells the token: %s %v", address, err)
	}
	row := `//tr[contains(., "grüße & <b>.bin")]`
	do("upload", chromedp.SetUploadFiles(chromedp.CSS(`input[type=file]`), []string{file}, chromedp.NodeReady),
		chromedp.WaitVisible(row+`[contains(., "Healthy")]`))
	if got := save(t, ctx, downloads, row+`//button[starts-with(@aria-label, "Download")]`); !bytes.Equal(got, content) {
		t.Errorf("downloaded %d bytes that differ from the %d stored", len(got), len(content))
	}
	do("keep", chromedp.Click(row+`//button[starts-with(@aria-label, "Delete")]`),
		chromedp.WaitVisible(chromedp.CSS(`dialog`)), chromedp.Click(`//dialog//button[.="Keep"]`), chromedp.WaitNotVisible(chromedp.CSS(`dialog`)))
	if b.objects.len() != 1 {
		t.Error("deleted without consent")
	}
	do("delete", chromedp.Click(row+`//button[starts-with(@aria-label, "Delete")]`),
		chromedp.WaitVisible(chromedp.CSS(`dialog`)), chromedp.Click(`//dialog//button[.="Delete"]`),
		chromedp.WaitVisible(`//p[.="Nothing stored yet."]`))
	if b.objects.len() != 0 {
		t.Error("the file is still there")
	}
	do("undo", chromedp.Click(`//button[.="Undo"]`), chromedp.WaitVisible(row))
	if b.objects.len() != 1 {
		t.Error("the file did not come back")
	}
	select {
	case text := <-wrong:
		t.Errorf("the browser complains: %s", text)
	default:
	}
}

// TestPageStoresAFolder under keys that are paths; what has a file already is
// replaced only when that is asked for.
func TestPageStoresAFolder(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Page = web.Page() })
	ctx := openBrowser(t)
	dir := filepath.Join(t.TempDir(), "My photos")
	files := map[string]string{"a #1.jpg": "one", "2026/b%.jpg": "two", "2026/deep/ü?": "three", "2026/c": "four", "2026/d": "five", "2026/e": "six"}
	write := func(text string) {
		t.Helper()
		for name := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text+files[name]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(text string) {
		t.Helper()
		for name := range files {
			_, content, err := b.objects.OpenKey(t.Context(), "My photos/"+name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if got := content.(memoryContent).data; string(got) != text+files[name] {
				t.Errorf("%s is %q", name, got)
			}
		}
		if n := b.objects.len(); n != len(files) {
			t.Errorf("%d files are stored, want %d", n, len(files))
		}
	}
	do := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v\nlog:\n%s", what, err, &b.log)
		}
	}
	input := chromedp.CSS(`input[webkitdirectory]`)
	all := make([]chromedp.Action[chromedp.Void], 0, len(files))
	for name := range files {
		all = append(all, chromedp.WaitVisible(`//button[@aria-label="Download My photos/`+name+`"]`))
	}

	write("")
	do("open", chromedp.Navigate(b.url+"/#token="+b.token.Reveal()), chromedp.WaitVisible(`//p[.="Nothing stored yet."]`))
	do("store", append([]chromedp.Action[chromedp.Void]{chromedp.SetUploadFiles(input, []string{dir}, chromedp.NodeReady)}, all...)...)
	check("")
	write("new ")
	do("again", chromedp.SetUploadFiles(input, []string{dir}, chromedp.NodeReady), chromedp.WaitVisible(`//li[contains(., "6 files of these names are stored already.")]`))
	check("")
	do("replace", chromedp.Click(`//button[.="Replace"]`), chromedp.WaitNotPresent(chromedp.CSS(`.queue`)))
	check("new ")
}

// TestPageAsksForTheToken: without one, and with a wrong one.
func TestPageAsksForTheToken(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Page = web.Page() })
	ctx := openBrowser(t)
	err := chromedp.Do(ctx, chromedp.Navigate(b.url+"/"), chromedp.WaitVisible(chromedp.CSS(`input[type=password]`)),
		chromedp.SendKeys(chromedp.CSS(`input[type=password]`), NewToken().Reveal()+"\n"),
		chromedp.WaitVisible(`//small[contains(., "not this gateway's token")]`),
		chromedp.SendKeys(chromedp.CSS(`input[type=password]`), b.token.Reveal()+"\n"),
		chromedp.WaitVisible(`//p[.="Nothing stored yet."]`))
	if err != nil {
		t.Errorf("%v\nlog:\n%s", err, &b.log)
	}
}

// TestPageCancelsAnUpload: the file is not stored, and the page says nothing bad.
func TestPageCancelsAnUpload(t *testing.T) {
	slow := slowStore{newMemory(), time.Hour}
	b := newBench(t, func(c *Config) { c.Page, c.Objects = web.Page(), slow })
	ctx := openBrowser(t)
	file := filepath.Join(t.TempDir(), "movie.mkv")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	err := chromedp.Do(ctx, chromedp.Navigate(b.url+"/#token="+b.token.Reveal()), chromedp.WaitVisible(`//p[.="Nothing stored yet."]`),
		chromedp.SetUploadFiles(chromedp.CSS(`input[type=file]`), []string{file}, chromedp.NodeReady),
		chromedp.Click(`//button[@aria-label="Cancel movie.mkv"]`), chromedp.WaitNotPresent(`//li[contains(., "movie.mkv")]`),
		chromedp.WaitNotPresent(chromedp.CSS(`.error`)))
	if err != nil || slow.len() != 0 {
		t.Errorf("%v, %d stored\nlog:\n%s", err, slow.len(), &b.log)
	}
}
