// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Microsoft.Playwright;
using Weir.Api;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Weir.Ui.Tests;

/// <summary>What somebody does with the page, in a real browser.</summary>
[Collection(BrowserTests.Name)]
public sealed class PageTests(Browser browser)
{
    [BrowserFact]
    public async Task Link_OpensThePageOnce_AndLeavesNoTokenBehind()
    {
        await using OpenPage open = await OpenPage.StartAsync(browser, Stack.Shops());
        Assert.Equal(open.BaseUrl + "/", open.Page.Url);
        Assert.Equal("host1 · 0.1.0", await open.Page.InnerTextAsync("#status-text b"));

        // The key stays with this browser, and is nobody else's.
        await open.Page.ReloadAsync();
        await Expect(open.Page.Locator("#status-text")).ToContainTextAsync("0.1.0");
        string spent = open.NewLink();
        await open.Page.GotoAsync(spent);
        IBrowserContext other = await browser.OpenAsync(new BrowserNewContextOptions());
        IPage stranger = await other.NewPageAsync();
        await stranger.GotoAsync(open.BaseUrl + "/policies");
        await Expect(stranger.Locator("#away")).ToContainTextAsync("open the link that it prints");
        await Expect(stranger.Locator("main")).Not.ToContainTextAsync("revision");
        await other.DisposeAsync();
        open.AssertQuiet();
    }

    [BrowserFact]
    public async Task Filter_IsInTheAddress_AndBackAndForwardGoThere()
    {
        Stack stack = Stack.Shops();
        await using OpenPage open = await OpenPage.StartAsync(browser, stack);
        await open.GoAsync("/flows?type=drop&to=shop-db-1&to=role%3Dapi&port=5432");
        await Until(() => open.Agent.Asked.Any(asked => asked is { To: ["shop-db-1", "role=api"], Ports: [5432], Types_: [FlowType.Drop], Last: > 0 }));
        Assert.Equal("shop-db-1 role=api", await open.Page.InputValueAsync("input[name=to]"));
        Assert.True(await open.Page.IsCheckedAsync("input[value=drop]"));
        open.Agent.Tell(stack.From("blog-ghost-1", "shop-db-1", 5432, denied: "policy-denied"));
        await Expect(open.Page.Locator("tr.denied")).ToContainTextAsync("nearest is db-clients");

        await open.Page.FillAsync("input[name=from]", "blog-ghost-1");
        await open.Page.Keyboard.PressAsync("Enter");
        await open.Page.WaitForURLAsync("**/flows?type=drop&from=blog-ghost-1&to=shop-db-1&to=role%3Dapi&port=5432");
        await open.Page.GoBackAsync();
        await Expect(open.Page.Locator("input[name=from]")).ToHaveValueAsync("");
        await open.Page.GoForwardAsync();
        await Expect(open.Page.Locator("input[name=from]")).ToHaveValueAsync("blog-ghost-1");

        // What passed, and rules in audit would have denied; and connections that ended, as their sockets measured them.
        await open.GoAsync("/flows?type=verdict");
        await open.Page.SelectOptionAsync("select[name=verdict]", "audited");
        await open.Page.WaitForURLAsync("**/flows?type=verdict&verdict=audited");
        await Until(() => open.Agent.Asked.Any(asked => asked is { Verdicts: ["audited"], Types_: [FlowType.Verdict], Last: > 0 }));
        open.Agent.Tell(stack.From("cron", "shop-cache-1", 6379, denied: "audited"));
        await Expect(open.Page.Locator("tr.audited .tag.worry")).ToHaveTextAsync("audited");
        await open.GoAsync("/flows?type=tcp");
        await Until(() => open.Agent.Asked.Any(asked => asked is { Types_: [FlowType.Tcp], Last: > 0 }));
        open.Agent.Tell(Stack.Ended(stack.From("shop-worker-2", "shop-db-1", 5432)));
        await Expect(open.Page.Locator("tbody tr")).ToContainTextAsync("round trip 1.5 ms");
        await open.Page.ClickAsync("button.more");
        await Expect(open.Page.Locator(".detail")).ToContainTextAsync("3 of 40 sent again");

        // A filter that is wrong is said where it stands.
        await open.GoAsync("/flows?port=http");
        await Expect(open.Page.Locator("main")).ToContainTextAsync("port \"http\": it is a number from 0 to 65535");
        await open.GoAsync("/flows?verdict=refused");
        await Expect(open.Page.Locator("main")).ToContainTextAsync("verdict \"refused\": it is allowed, denied or audited");
        open.AssertQuiet();
    }

    [BrowserFact]
    public async Task Flood_IsBounded_AndPauseHolds()
    {
        Stack stack = Stack.Shops();
        await using OpenPage open = await OpenPage.StartAsync(browser, stack);
        await open.GoAsync("/flows");
        await Until(() => open.Agent.Listeners == 1);
        for (int i = 0; i < 20; i++)
        {
            open.Agent.Tell(Enumerable.Range(0, 200).Select(_ => stack.From("world", "shop-web-1", 80)));
            await Task.Delay(250);
        }

        await Expect(open.Page.Locator(".counts")).ToContainTextAsync("more than can be shown", new() { Timeout = 20_000 });
        Assert.InRange(await open.Page.Locator("tbody tr").CountAsync(), 50, 400);

        await open.Page.Keyboard.PressAsync("p");
        await Expect(open.Page.Locator("[data-pause]")).ToHaveTextAsync("Go on");
        await Task.Delay(500);
        open.Agent.Tell(stack.From("cron", "198.51.100.0/24", 25, denied: "policy-denied"));
        await Expect(open.Page.Locator(".counts")).ToContainTextAsync("since");
        Assert.Equal(0, await open.Page.Locator("tbody tr.denied").CountAsync());
        await open.Page.ClickAsync("[data-pause]");
        await Expect(open.Page.Locator("tbody tr.denied")).ToHaveCountAsync(1);

        // From a denied flow to the policy that would allow it.
        await open.Page.ClickAsync("tbody tr.denied button.more");
        await open.Page.ClickAsync("text=Policy that would allow it");
        await Expect(open.Page.Locator(".yaml pre")).ToContainTextAsync("- name: cron-to-");
        await open.Page.ClickAsync("text=Try it as a draft");
        await Expect(open.Page.Locator("#draft-text")).ToHaveValueAsync(new System.Text.RegularExpressions.Regex("cron-to-"));
        open.AssertQuiet();
    }

    [BrowserFact]
    public async Task AgentThatIsAway_IsSaid_AndItsReturnSeen()
    {
        Stack stack = Stack.Shops();
        await using OpenPage open = await OpenPage.StartAsync(browser, stack);
        await open.GoAsync("/flows");
        await Until(() => open.Agent.Listeners == 1);
        open.Agent.Tell(stack.From("world", "shop-web-1", 80));
        await Expect(open.Page.Locator("tbody tr")).ToHaveCountAsync(1);
        open.Agent.GoAway();
        await Expect(open.Page.Locator("#away")).ToContainTextAsync("the agent is stopped", new() { Timeout = 20_000 });
        await Expect(open.Page.Locator("tbody tr")).ToHaveCountAsync(1); // what was seen stays
        open.Agent.ComeBack();
        open.Agent.Status.Version = "0.2.0";
        await Expect(open.Page.Locator("#status-text")).ToContainTextAsync("0.2.0", new() { Timeout = 20_000 });
        await Expect(open.Page.Locator("#away")).ToBeHiddenAsync();
        await Until(() => open.Agent.Listeners == 1);
        open.Agent.Tell(stack.From("world", "shop-web-1", 81));
        await Expect(open.Page.Locator("tbody tr").First).ToContainTextAsync("81/tcp");
        open.AssertQuiet();
    }

    [BrowserFact]
    public async Task PageThatNobodyLooksAt_StopsListening_AndResumes()
    {
        // A minute passes at once, and the tab is hidden as a browser says it.
        const string Sleep = """
            const real = setTimeout;
            window.setTimeout = (f, ms, ...a) => real(f, ms === 60000 ? 50 : ms, ...a);
            window.hide = value => { Object.defineProperty(document, 'hidden', { value, configurable: true }); document.dispatchEvent(new Event('visibilitychange')); };
            """;
        Stack stack = Stack.Shops();
        await using OpenPage open = await OpenPage.StartAsync(browser, stack, script: Sleep);
        await open.GoAsync("/flows");
        await Until(() => open.Agent.Listeners == 1);
        await open.Page.EvaluateAsync("() => hide(true)");
        await Until(() => open.Agent.Listeners == 0);
        open.Agent.Past.Add(new MonitorEvent { Flow = stack.From("cron", "shop-api-2", 8080, 6, "l7") });
        open.Agent.Tell(Enumerable.Range(0, 5000).Select(_ => stack.From("world", "shop-web-1", 80)));
        await open.Page.EvaluateAsync("() => hide(false)");
        await Until(() => open.Agent.Listeners == 1);
        Assert.Equal(0, await open.Page.Locator("tbody tr:has-text('80/tcp')").CountAsync());
        open.Agent.Tell(stack.From("world", "shop-web-1", 82));
        await Expect(open.Page.Locator("tbody tr").First).ToContainTextAsync("82/tcp");
        open.AssertQuiet();
    }

    [BrowserFact]
    public async Task TextOfContainers_IsTextAndNothingElse()
    {
        const string Markup = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";
        const string Turned = "a\u202Egpj.exe\u0007\u200B\u2066";
        var stack = new Stack();
        FlowEnd bad = stack.Container(Markup, "com.docker.compose.project=" + Markup, "com.docker.compose.service=" + Markup, "javascript:alert(1)=" + Turned);
        stack.Container(Turned, "app=" + Turned);
        await using OpenPage open = await OpenPage.StartAsync(browser, stack);
        open.Agent.Status.Warnings.Add(Markup + Turned);
        open.Agent.Policies.Add(new Api.Policy { Name = Markup, Kind = "policy", File = Markup, Text = Markup + "\n" + Turned, Nodes = { new PolicyNode { Node = "host2", Problem = Markup } }, Rules = { new RuleInfo { Name = Turned, Description = Markup, File = Markup, Endpoints = { Markup } } } });
        Flow flow = stack.From(Markup, Turned, 8080, 5);
        flow.Http.Path = "/" + Markup + Turned;
        flow.Explanation = Markup + Turned;
        open.Agent.Record.Add(new RecordedFlow { Flow = flow, Count = 3, Last = flow.Time });
        open.Agent.Past.Add(new MonitorEvent { Flow = flow });
        open.Agent.Try = _ => new TryPolicyResponse { Problems = { new Problem { Line = 1, Message = Markup } }, Notes = { Markup } };
        foreach (string address in new[] { "/?as=table", "/", "/flows", "/flows?since=1h", "/policies", "/draft?text=" + Uri.EscapeDataString(Markup), "/container?name=" + Uri.EscapeDataString(bad.Name), "/flows?from=" + Uri.EscapeDataString(Markup), "/?find=" + Uri.EscapeDataString(Markup), "/container?name=" + Uri.EscapeDataString("<img src=x>") })
        {
            await open.GoAsync(address);
            await Expect(open.Page.Locator("#status-text")).ToContainTextAsync("0.1.0");
            await Task.Delay(1500);
            if (address.StartsWith("/flows", StringComparison.Ordinal) && !address.Contains("from", StringComparison.Ordinal))
            {
                await open.Page.Locator("button.more").First.ClickAsync();
                string text = await open.Page.Locator("tbody").InnerTextAsync();
                Assert.Contains("<img src=x onerror=", text, StringComparison.Ordinal);
                Assert.Contains("a\\u202egpj.exe\\u0007\\u200b\\u2066", text, StringComparison.Ordinal);
            }
            else if (address == "/policies")
            {
                await Expect(open.Page.Locator("main")).ToContainTextAsync("Not in force at host2: <img src=x");
            }
            else if (address.StartsWith("/draft", StringComparison.Ordinal))
            {
                await open.Page.ClickAsync("text=Try it");
                await Expect(open.Page.Locator(".draft-answer")).ToContainTextAsync("<img src=x");
            }

            Assert.Equal(0, await open.Page.Locator("main img, main script, dialog img").CountAsync());
            Assert.DoesNotMatch("[\u202a-\u202e\u2066-\u2069\u0007]", await open.Page.Locator("body").InnerTextAsync());
        }

        await open.Page.ClickAsync("#status");
        await Expect(open.Page.Locator("dialog")).ToContainTextAsync("<img src=x");
        Assert.True(await open.RunAsync<bool>("() => window.hacked === undefined && [...document.links].every(a => a.protocol === 'http:')"));

        // And if a mistake of ours put it in as markup, the browser would refuse.
        Assert.Equal("TypeError", await open.RunAsync<string>("() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (e) { return e.name; } }"));
    }

    [BrowserFact]
    public async Task Keys_LeadThroughAllOfIt()
    {
        await using OpenPage open = await OpenPage.StartAsync(browser, Stack.Shops());
        IPage page = open.Page;
        await Expect(page.Locator("canvas.map")).ToHaveAttributeAsync("aria-label", new System.Text.RegularExpressions.Regex("22 nodes, 28 edges, 3 denied"));
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("Skip to the view", await page.EvaluateAsync<string>("() => document.activeElement.textContent"));
        await page.Keyboard.PressAsync("Enter");
        Assert.Equal("view", await page.EvaluateAsync<string>("() => document.activeElement.id"));
        await page.FocusAsync("canvas.map");
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Locator("aside.panel h2")).ToBeVisibleAsync();
        string first = await page.InnerTextAsync("aside.panel h2");
        await page.Keyboard.PressAsync("ArrowRight");
        await Expect(page.Locator("aside.panel h2")).Not.ToHaveTextAsync(first);
        await Expect(page.Locator("#say")).ToContainTextAsync("reached by");
        await page.Keyboard.PressAsync("Escape");
        await Expect(page.Locator("aside.panel")).ToBeHiddenAsync();
        await page.Keyboard.PressAsync("t");
        await Expect(page.Locator(".map-table tbody tr")).ToHaveCountAsync(28);
        Assert.Contains("as=table", page.Url, StringComparison.Ordinal);
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("mysql");
        await Expect(page.Locator(".map-table tbody tr")).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("?");
        await Expect(page.Locator("dialog")).ToContainTextAsync("the next node that way");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("g");
        await page.Keyboard.PressAsync("f");
        await page.WaitForURLAsync("**/flows");
        await page.Keyboard.PressAsync("d");
        Assert.Equal("dark", await page.EvaluateAsync<string>("() => document.documentElement.dataset.theme"));
        open.AssertQuiet();
    }

    [BrowserFact]
    public async Task EveryControl_HasAName_AndColoursAreReadable_AndAPhoneIsWideEnough()
    {
        await using OpenPage open = await OpenPage.StartAsync(browser, Stack.Shops(), new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = 360, Height = 700 } });
        foreach (string address in new[] { "/", "/?as=table", "/flows", "/flows?since=1h", "/policies", "/draft", "/container?name=shop-db-1" })
        {
            await open.GoAsync(address);
            await Expect(open.Page.Locator("#status-text")).ToContainTextAsync("0.1.0");
            await Expect(open.Page.Locator("h1")).ToHaveCountAsync(1);
            await Task.Delay(1200);
            JsonElement seen = await open.RunAsync<JsonElement>("""
                () => {
                  const name = e => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent || e.title || '').trim();
                  return {
                    nameless: [...document.querySelectorAll('button, a, input, select, textarea, canvas, [role=region]')].filter(e => !name(e)).map(e => e.outerHTML.slice(0, 80)),
                    twice: [...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i),
                    wide: document.documentElement.scrollWidth - innerWidth, view: document.querySelector('main').scrollWidth - innerWidth,
                    unnamed: [...document.querySelectorAll('table')].filter(t => !t.caption).length,
                  };
                }
                """);
            Assert.Empty(seen.GetProperty("nameless").EnumerateArray().Select(e => $"{address} {e}"));
            Assert.Empty(seen.GetProperty("twice").EnumerateArray().Select(e => $"{address} {e}"));
            Assert.True(seen.GetProperty("wide").GetInt32() <= 0 && seen.GetProperty("view").GetInt32() <= 0, $"{address}: {seen}");
            Assert.Equal(0, seen.GetProperty("unnamed").GetInt32());
        }

        foreach (string theme in new[] { "light", "dark" })
        {
            // WCAG's contrast of text that somebody has to read.
            JsonElement ratios = await open.RunAsync<JsonElement>("""
                theme => {
                  document.documentElement.dataset.theme = theme;
                  const style = getComputedStyle(document.documentElement);
                  const light = name => {
                    const hex = style.getPropertyValue('--' + name).trim().replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3');
                    const [r, g, b] = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16) / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
                  };
                  const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
                  return Object.fromEntries([['text', 'bg'], ['text', 'surface'], ['muted', 'bg'], ['muted', 'surface'], ['muted', 'sunk'], ['accent', 'surface'], ['accent', 'bg'], ['denied', 'surface'], ['denied', 'bad-bg'], ['ok', 'good-bg'], ['warn', 'warn-bg']].map(([a, b]) => [`${a} on ${b}`, ratio(a, b)]));
                }
                """, theme);
            Assert.All(ratios.EnumerateObject().Where(ratio => ratio.Value.ValueKind == JsonValueKind.Number), ratio => Assert.True(ratio.Value.GetDouble() >= 4.5, $"{theme}: {ratio.Name} {ratio.Value}"));
        }

        open.AssertQuiet();
    }

    internal static async Task Until(Func<bool> holds)
    {
        for (int i = 0; i < 300 && !holds(); i++)
        {
            await Task.Delay(100);
        }

        Assert.True(holds(), "it did not come about within 30 s");
    }
}
