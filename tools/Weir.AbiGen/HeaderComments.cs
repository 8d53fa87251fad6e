// SPDX-License-Identifier: Apache-2.0

using System.Text.RegularExpressions;

namespace Weir.AbiGen;

/// <summary>What the headers' comments say of types and members: BTF has no comments.</summary>
internal sealed partial class HeaderComments
{
    private readonly Dictionary<string, string> _comments = [];

    /// <summary>Of a type ("policy_key"); "" if it has none.</summary>
    internal string Of(string type) => _comments.GetValueOrDefault(type, "");

    /// <summary>Of a field or an enum's value; "" if it has none.</summary>
    internal string Of(string type, string member) => _comments.GetValueOrDefault(type + "." + member, "");

    internal static HeaderComments Read(string folder)
    {
        var comments = new HeaderComments();
        foreach (string path in Directory.GetFiles(folder, "*.h"))
        {
            foreach (Match type in TypeExpression().Matches(File.ReadAllText(path)))
            {
                string name = type.Groups["name"].Value;
                comments.Add(name, type.Groups["doc"].Value);
                foreach (Match member in MemberExpression().Matches(type.Groups["body"].Value))
                {
                    comments.Add(name + "." + member.Groups["name"].Value, member.Groups["doc"].Value);
                }
            }
        }

        return comments;
    }

    private void Add(string key, string comment)
    {
        string text = SpaceExpression().Replace(comment.Replace("\n *", "\n", StringComparison.Ordinal), " ").Trim();
        if (text.Length > 0)
        {
            _comments[key] = text;
        }
    }

    [GeneratedRegex(@"(/\*(?<doc>(?:(?!\*/).)*)\*/\s*\n)?(struct|enum)\s+(?<name>\w+)\s*\{(?<body>.*?)\n\};", RegexOptions.Singleline)]
    private static partial Regex TypeExpression();

    [GeneratedRegex(@"(?<name>\w+)(\[\w+\])?\s*(=[^,;]*)?[,;][ \t]*(/\*(?<doc>(?:(?!\*/).)*)\*/)?", RegexOptions.Singleline)]
    private static partial Regex MemberExpression();

    [GeneratedRegex(@"\s+")]
    private static partial Regex SpaceExpression();
}
