// SPDX-License-Identifier: Apache-2.0

using Microsoft.Playwright;
using Xunit;

namespace Weir.Ui.Tests;

/// <summary>One Chromium for all tests: Debian's, which nobody downloads.</summary>
public sealed class Browser : IAsyncLifetime
{
    internal const string Path = "/usr/bin/chromium";

    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public async Task InitializeAsync()
    {
        if (!File.Exists(Path))
        {
            return; // the tests are skipped
        }

        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Path,
            Timeout = 120_000,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
    }

    public async Task DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
    }

    internal Task<IBrowserContext> OpenAsync(BrowserNewContextOptions options) => _browser!.NewContextAsync(options);
}

/// <summary>The one browser's tests, one after another.</summary>
[CollectionDefinition(Name)]
public sealed class BrowserTests : ICollectionFixture<Browser>
{
    internal const string Name = "browser";
}

/// <summary>A test that takes a browser.</summary>
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute()
    {
        // With WEIR_TESTS_REQUIRE it fails instead: test.sh installs the browser.
        if (!File.Exists(Browser.Path) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("WEIR_TESTS_REQUIRE")))
        {
            Skip = $"there is no {Browser.Path}: apt-get install chromium";
        }
    }
}
