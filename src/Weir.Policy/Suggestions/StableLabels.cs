// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Suggestions;

/// <summary>Chooses the labels by which a rule names a container: few, that are the same after the next build and start,
/// and that others do not have.</summary>
internal sealed class StableLabels(IEnumerable<PolicyPeer> everybody)
{
    private const string Project = "com.docker.compose.project";
    private const string Service = "com.docker.compose.service";
    private const int LongestValue = 63;
    private const int ShortestHash = 7;

    /// <summary>What people name things by, the most telling first.</summary>
    private static readonly string[] _telling = ["role", "app", "app.kubernetes.io/name", "service", "component", "app.kubernetes.io/component", "tier", "name", "job"];

    /// <summary>What builders and engines write.</summary>
    private static readonly string[] _noise = ["com.docker.", "desktop.docker.", "org.opencontainers.", "org.label-schema.", "io.buildah.", "io.podman.", "weir.", "traefik.", "com.github.", "net.unraid."];

    private static readonly HashSet<string> _noiseKeys = new(StringComparer.OrdinalIgnoreCase)
    {
        "version", "build", "build-date", "build_date", "commit", "revision", "vcs-ref", "vcs-type", "release", "maintainer", "vendor", "description", "summary",
        "license", "url", "architecture", "distribution-scope", "pod-template-hash", "controller-revision-hash", "created", "date", "sha", "tag", "image",
    };

    private readonly LabelSet[] _everybody = [.. everybody.Where(peer => peer.Identity.IsLabelSet).Select(peer => peer.Labels).Distinct().OrderBy(labels => labels.Canonical, StringComparer.Ordinal)];
    private readonly Dictionary<LabelSet, IReadOnlyList<Label>> _known = [];

    /// <summary>Empty: it has no label that would do.</summary>
    public IReadOnlyList<Label> Of(PolicyPeer peer)
    {
        if (!_known.TryGetValue(peer.Labels, out var chosen))
        {
            chosen = Choose(peer.Labels);
            _known.Add(peer.Labels, chosen);
        }

        return chosen;
    }

    /// <summary>Whether a rule that asks for these labels means the peer.</summary>
    public static bool Fit(IReadOnlyList<Label> labels, PolicyPeer peer) => labels.All(label => peer.Labels.Any(label.Fits));

    private static bool IsStable(Label label) =>
        label.Source != LabelSources.Reserved
        && (label.Key is Project or Service || (!_noiseKeys.Contains(label.Key) && !_noise.Any(prefix => label.Key.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)) && IsName(label.Value)));

    /// <summary>A value that is no number, version, hash, path or text.</summary>
    private static bool IsName(string value)
    {
        if (value.Length > LongestValue || value.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.')))
        {
            return false;
        }

        var isVersion = value.Length > 0 && value.TrimStart('v', 'V') is { Length: > 0 } number && number.All(c => char.IsAsciiDigit(c) || c == '.') && number.Any(char.IsAsciiDigit);
        var isHash = value.Length >= ShortestHash && value.All(char.IsAsciiHexDigit) && value.Any(char.IsAsciiDigit);
        return !isVersion && !isHash && !value.Split('-', '_', '.').Any(part => part.Length > ShortestHash && part.Any(char.IsAsciiDigit) && part.Any(char.IsAsciiLetter) && part.All(char.IsAsciiHexDigit));
    }

    private static int Rank(Label label)
    {
        var telling = Array.IndexOf(_telling, label.Key);
        return label.Key == Service ? 0 : label.Key == Project ? 1 : telling >= 0 ? 2 + telling : 2 + _telling.Length;
    }

    private IReadOnlyList<Label> Choose(LabelSet own)
    {
        Label[] stable = [.. own.Where(label => IsStable(label) && (label.Key != Project || own.Any(other => other.Key == Service))).OrderBy(Rank).ThenBy(label => label)];
        if (stable.Length == 0)
        {
            return [];
        }

        // A service's name alone is that of other projects' services, which come and go.
        List<Label> chosen = [.. stable.TakeWhile(label => label.Key is Service or Project)];
        chosen = chosen.Count > 0 ? chosen : [stable[0]];
        foreach (var label in stable.Skip(chosen.Count))
        {
            LabelSet[] strangers = [.. _everybody.Where(other => chosen.All(asked => other.Any(asked.Fits)) && !IsAlike(own, other))];
            if (strangers.Length == 0)
            {
                break;
            }

            // Only what tells it from one of them.
            if (strangers.Any(other => !other.Any(label.Fits)))
            {
                chosen.Add(label);
            }
        }

        return [.. chosen.Order()];
    }

    /// <summary>Whether the two differ in nothing that lasts: another build of the same.</summary>
    private static bool IsAlike(LabelSet one, LabelSet other) => one.Where(IsStable).SequenceEqual(other.Where(IsStable));
}
