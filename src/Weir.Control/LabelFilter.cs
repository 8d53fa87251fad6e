// SPDX-License-Identifier: Apache-2.0

using Weir.Policy;

namespace Weir.Control;

/// <summary>Chooses the labels that make an identity. Labels that differ from start to start, or that
/// say nothing about what a container is, would only make identities many.</summary>
/// <param name="Include">Keys; with "*" at the end: keys that begin so. Empty: all.</param>
/// <param name="Exclude">Likewise; wins over <paramref name="Include"/>.</param>
public sealed record LabelFilter(IReadOnlyList<string> Include, IReadOnlyList<string> Exclude)
{
    private const int LongestLabel = 1024;
    private const int MostLabels = 256;

    /// <summary>All but what Compose and image builders add for themselves, and what opens ports.</summary>
    public static LabelFilter Default { get; } = new(
        [],
        [
            "com.docker.compose.config-hash",
            "com.docker.compose.container-number",
            "com.docker.compose.depends_on",
            "com.docker.compose.image",
            "com.docker.compose.oneoff",
            "com.docker.compose.project.config_files",
            "com.docker.compose.project.environment_file",
            "com.docker.compose.project.working_dir",
            "com.docker.compose.replace",
            "com.docker.compose.slug",
            "com.docker.compose.version",
            "desktop.docker.io/*",
            "maintainer",
            "org.label-schema.*",
            "org.opencontainers.image.*",
            "weir.publish",
        ]);

    /// <summary>The set for a container's labels. A container's owner is not trusted to be modest.</summary>
    public LabelSet Select(IEnumerable<KeyValuePair<string, string>> labels) => new(labels
        .Where(label => label.Key.Length > 0 && label.Key.Length + label.Value.Length <= LongestLabel && Takes(label.Key))
        .OrderBy(label => label.Key, StringComparer.Ordinal)
        .Take(MostLabels)
        .Select(label => new Label(LabelSources.Container, label.Key, label.Value)));

    /// <summary>Whether labels of this key become part of an identity.</summary>
    public bool Takes(string key) =>
        (Include.Count == 0 || Include.Any(pattern => Fits(pattern, key))) && !Exclude.Any(pattern => Fits(pattern, key));

    private static bool Fits(string pattern, string key) =>
        pattern.EndsWith('*') ? key.StartsWith(pattern[..^1], StringComparison.Ordinal) : key == pattern;
}
