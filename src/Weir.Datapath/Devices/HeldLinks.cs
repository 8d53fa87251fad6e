// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>Attachments that are found by their pins and held open, so that removing a pin does not end one.</summary>
internal sealed class HeldLinks : IDisposable
{
    private readonly Dictionary<string, PinnedLink> _links = [];

    /// <summary>Holds what is pinned there now, in place of what was.</summary>
    internal void Hold(string pin)
    {
        Forget(pin);
        if (PinnedLink.Open(pin) is { } link)
        {
            _links[pin] = link;
        }
    }

    internal void Forget(string pin)
    {
        if (_links.Remove(pin, out PinnedLink? link))
        {
            link.Dispose();
        }
    }

    /// <param name="target">To what; null: to anything.</param>
    internal bool IsAttached(string pin, int? target = null) =>
        _links.TryGetValue(pin, out PinnedLink? link) && link.Target is var found && (target is null ? found != 0 : found == (ulong)target);

    /// <summary>Those whose pins were removed.</summary>
    internal IEnumerable<string> Unpinned() => _links.Values.Where(link => !link.IsPinned).Select(link => link.Pin);

    internal void PinAgain()
    {
        foreach (PinnedLink link in _links.Values)
        {
            link.PinAgain();
        }
    }

    public void Dispose()
    {
        foreach (PinnedLink link in _links.Values)
        {
            link.Dispose();
        }
    }
}
