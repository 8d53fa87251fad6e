// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Replay;

namespace Weir.Policy.Suggestions;

/// <summary>Makes few patterns of many paths: a segment that has many values is somebody's own.</summary>
internal static class PathPatterns
{
    /// <summary>Values of one segment that are told one by one.</summary>
    public const int MostValues = 8;

    /// <summary>Patterns for one peer and port.</summary>
    public const int Most = 64;

    /// <summary>Which pattern allows a request; null: it is not known what was asked, or there are too many patterns.</summary>
    public static Dictionary<SeenRequest, RequestPattern?> Of(IReadOnlyCollection<SeenRequest> requests)
    {
        SeenRequest[] told = [.. requests.Where(request => !request.Path.StartsWith(SeenRequest.Rest))];
        Dictionary<SeenRequest, string[]> paths = told.ToDictionary(request => request, request => SegmentsOf(request.Path));
        Fold(paths);
        var queries = paths.GroupBy(pair => string.Join('/', pair.Value), StringComparer.Ordinal).ToDictionary(
            same => same.Key,
            same => (Any: same.Any(pair => HasQuery(pair.Key.Path)), All: same.All(pair => HasQuery(pair.Key.Path))),
            StringComparer.Ordinal);
        var patterns = new Dictionary<SeenRequest, RequestPattern?>();
        foreach (var request in requests)
        {
            patterns[request] = null;
            if (paths.TryGetValue(request, out var segments))
            {
                var query = queries[string.Join('/', segments)];
                patterns[request] = new RequestPattern(SeenRequest.Quote(request.Method), PatternOf(segments, query.Any, query.All));
            }
        }

        if (patterns.Values.Distinct().Count() > Most)
        {
            foreach (var request in requests)
            {
                patterns[request] = null;
            }
        }

        return patterns;
    }

    private static bool HasQuery(string path) => path.EndsWith("?*", StringComparison.Ordinal);

    private static string[] SegmentsOf(string path) => path == "*" ? [path] : (HasQuery(path) ? path[..^2] : path).Split('/');

    private static void Fold(Dictionary<SeenRequest, string[]> paths)
    {
        for (var isFolded = true; isFolded;)
        {
            isFolded = false;
            foreach (var ofLength in paths.GroupBy(pair => (pair.Key.Method, pair.Value.Length)).ToList())
            {
                for (var i = 1; i < ofLength.Key.Length; i++)
                {
                    foreach (var alike in ofLength.GroupBy(pair => string.Join('/', pair.Value.Select((segment, at) => at == i ? "" : segment)), StringComparer.Ordinal).ToList())
                    {
                        if (alike.Where(pair => !IsCut(pair.Value[i])).Select(pair => pair.Value[i]).Distinct().Count() is > MostValues and not 1)
                        {
                            foreach (var (_, segments) in alike.Where(pair => !IsCut(pair.Value[i])))
                            {
                                isFolded |= segments[i] != "*";
                                segments[i] = "*";
                            }
                        }
                    }
                }
            }
        }
    }

    private static bool IsCut(string segment) => segment.Contains(SeenRequest.Rest, StringComparison.Ordinal);

    private static string PatternOf(string[] segments, bool someHaveQueries, bool allHave)
    {
        if (segments is ["*"])
        {
            return @"\*";
        }

        var cut = Array.FindIndex(segments, IsCut);
        var path = string.Join('/', segments.Take(cut < 0 ? segments.Length : cut + 1).Select((segment, at) =>
            at == cut ? SeenRequest.Quote(segment[..segment.IndexOf(SeenRequest.Rest, StringComparison.Ordinal)]) + ".*" : segment == "*" ? "[^?/]+" : SeenRequest.Quote(segment)));
        return cut >= 0 ? path : allHave ? path + "[?].*" : someHaveQueries ? path + "([?].*)?" : path;
    }
}
