import torch
from torch import nn

from emofactors.nn.image_stem import ImageStem, image_coordinates


def test_stem_is_convolution_instance_norm_and_gelu():
    torch.manual_seed(0)
    stem = ImageStem([4, 1])
    first, second = stem.convolutions
    expected = nn.Sequential(first, nn.InstanceNorm2d(4), nn.GELU(), second, nn.InstanceNorm2d(1), nn.GELU())
    x = torch.rand(2, 1, 9, 12)
    torch.testing.assert_close(stem(x), expected(x))


def test_published_channels_have_the_published_number_of_parameters():
    assert sum(p.numel() for p in ImageStem([16, 32, 64, 32, 16, 1]).parameters()) == 46_529


def test_image_does_not_depend_on_its_batch():
    torch.manual_seed(0)
    stem = ImageStem([4, 8, 1])
    short, long = torch.rand(1, 1, 7, 12), torch.rand(1, 1, 11, 12)
    both = torch.cat([nn.functional.pad(short, (0, 0, 0, 4)), long])
    batched = stem(both, torch.arange(11) < torch.tensor([[7], [11]]))
    torch.testing.assert_close(batched[:1, :, :7], stem(short))
    torch.testing.assert_close(batched[1:], stem(long))
    assert (batched[0, :, 7:] == 0).all()


def test_coordinates_range_from_minus_1_to_1_along_frames_and_bins():
    frame, bin_ = image_coordinates(torch.zeros(2, 1, 5, 3))[1]
    torch.testing.assert_close(frame, torch.tensor([-1.0, -0.5, 0.0, 0.5, 1.0])[:, None].expand(5, 3))
    torch.testing.assert_close(bin_, torch.tensor([-1.0, 0.0, 1.0]).expand(5, 3))


def test_coordinates_range_over_the_valid_frames_of_each_image():
    valid = torch.arange(5) < torch.tensor([[3], [5], [1]])
    coordinates = image_coordinates(torch.zeros(3, 1, 5, 3), valid)
    for row, length in ((0, 3), (1, 5)):
        torch.testing.assert_close(coordinates[row, 0, :length, 0], torch.linspace(-1, 1, length))
    assert coordinates[2, 0, 0, 0] == -1
