"""The networks of Kim & Lee in plain PyTorch: a direct implementation of the description."""

import torch
from torch import nn


class PlainAttention(nn.Module):
    def __init__(self, dim, heads, dim_head):
        super().__init__()
        self.heads, self.scale = heads, dim_head**-0.5
        self.norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * heads * dim_head, bias=False)
        self.out = nn.Linear(heads * dim_head, dim)

    def forward(self, x):
        b, n, _ = x.shape
        q, k, v = (
            t.reshape(b, n, self.heads, -1).transpose(1, 2) for t in self.qkv(self.norm(x)).chunk(3, dim=-1)
        )
        attention = (q @ k.transpose(-1, -2) * self.scale).softmax(dim=-1)
        return self.out((attention @ v).transpose(1, 2).reshape(b, n, -1))


class PlainVit(nn.Module):
    """Map images (B, 1, height, width), in patches of all bins of one frame, to embedding and logits."""

    def __init__(self, n_classes, height, *, teacher, depth, dim, heads, dim_head, mlp_dim, stem_channels):
        super().__init__()
        self.teacher = teacher
        layers = []
        for n_in, n_out in zip([1, *stem_channels[:-1]], stem_channels, strict=True):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.InstanceNorm2d(n_out), nn.GELU()]
        self.stem = nn.Sequential(*layers) if teacher else nn.Identity()
        size = 3 * height if teacher else height
        self.patch = nn.Sequential(nn.LayerNorm(size), nn.Linear(size, dim), nn.LayerNorm(dim))
        self.cls = nn.Parameter(torch.randn(1, 1, dim))
        self.attention = nn.ModuleList(PlainAttention(dim, heads, dim_head) for _ in range(depth))
        self.mlp = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, mlp_dim), nn.GELU(), nn.Linear(mlp_dim, dim))
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, n_classes)

    def forward(self, x):
        b, _, height, width = x.shape
        if self.teacher:
            x = self.stem(x)
            column = (torch.arange(width) / (width - 1) * 2 - 1).expand(b, 1, height, width)
            row = (torch.arange(height) / (height - 1) * 2 - 1)[:, None].expand(b, 1, height, width)
            x = torch.cat([x, column, row], dim=1)
        x = self.patch(x.permute(0, 3, 1, 2).flatten(2))
        x = torch.cat([self.cls.expand(b, -1, -1), x], dim=1)
        for attention, mlp in zip(self.attention, self.mlp, strict=True):
            x = x + attention(x)
            x = x + mlp(x)
        y = self.norm(x)[:, 0]
        return y, self.head(y)


def copy_weights(system, network):
    """Copy the weights of our system to the plain network."""
    theirs = {}
    state = system.state_dict()
    for name, tensor in state.items():
        if name.startswith("stem.convolutions."):
            _, _, layer, kind = name.split(".")
            # Our images have the frames first, so kernels are transposed.
            theirs[f"stem.{3 * int(layer)}.{kind}"] = tensor.transpose(2, 3) if tensor.ndim == 4 else tensor
        elif name.startswith("transformer.layers."):
            _, _, layer, part = name.split(".", 3)
            if part.startswith("feed_forward."):
                theirs[f"mlp.{layer}.{part.removeprefix('feed_forward.')}"] = tensor
            elif part == "attention.query.weight":
                key_value = state[name.replace("query", "key_value")]
                theirs[f"attention.{layer}.qkv.weight"] = torch.cat([tensor, key_value])
            elif part != "attention.key_value.weight":
                theirs[f"attention.{layer}.{part.removeprefix('attention.')}"] = tensor
        elif name == "transformer.class_token":
            theirs["cls"] = tensor[None, None]
        else:
            prefixes = {"embed.embed.": "patch.", "transformer.norm.": "norm.", "classify.": "head."}
            prefix = next(p for p in prefixes if name.startswith(p))
            theirs[prefixes[prefix] + name.removeprefix(prefix)] = tensor
    network.load_state_dict(theirs)
