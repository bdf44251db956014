//! One recipient of a campaign: a number, what the text's placeholders stand for, and tags of its own.

use crate::domain::phone::{self, Msisdn};
use crate::domain::tags::{BadMetadata, BadReference, Metadata, Reference, Tags};
use crate::domain::template::{BadVariables, Template, Unsendable, Variables};

/// A recipient that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The number.
    pub destination: Msisdn,
    /// The values of the text's placeholders; those that it does not name are gone.
    pub variables: Variables,
    /// The tags of its own.
    pub tags: Tags,
}

/// Why a recipient cannot be added: a sentence without the number and without any value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The number.
    #[error("destination {0}")]
    Destination(phone::Invalid),
    /// A variable.
    #[error(transparent)]
    Variables(BadVariables),
    /// The text that would come out.
    #[error(transparent)]
    Text(Unsendable),
    /// Its reference.
    #[error("reference {0}")]
    Reference(BadReference),
    /// Its metadata, alone or with the campaign's.
    #[error("metadata {0}")]
    Metadata(BadMetadata),
}

impl Recipient {
    /// Takes a recipient whose text, with everything filled in, can be sent.
    pub fn parse(
        template: &Template,
        destination: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Invalid> {
        let destination = Msisdn::parse(destination).map_err(Invalid::Destination)?;
        let variables = Variables::parse(variables).map_err(Invalid::Variables)?.only_for(template);
        template.render(&variables).map_err(Invalid::Text)?;
        Ok(Self { destination, variables, tags: Tags::default() })
    }

    /// The same recipient with tags of its own, which have to fit together with the campaign's.
    pub fn tagged(
        self,
        campaign: &Tags,
        reference: &str,
        metadata: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Invalid> {
        let reference = Reference::parse(reference).map_err(Invalid::Reference)?;
        let metadata = Metadata::parse(metadata).map_err(Invalid::Metadata)?;
        let tags = Tags { reference, metadata };
        if tags != Tags::default() {
            campaign.of_recipient(tags.clone()).map_err(Invalid::Metadata)?;
        }
        Ok(Self { tags, ..self })
    }
}
